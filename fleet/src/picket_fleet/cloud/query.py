"""OData, as far as balena's command line goes: which rows, in which order, how many. Pure.

filter     = all { "or" all }     all = one { "and" one }
one        = "(" filter ")" | name "/any(" variable ":" filter ")" | test
test       = path ("eq" | "ne") value | path "in" "(" value { "," value } ")" | "startswith(" path "," value ")"
           | value "eq" value
path       = name { "/" name }        into expanded rows, after the variable of an `any`
value      = 'text' | number | true | false | null
selector   = id | name "=" value { "," name "=" value }     what stands in the brackets after a resource
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z_$][\w$]*(?:/[A-Za-z_]\w*)*)|(-?\d+(?:\.\d+)?)|([(),:=]))")
WORDS = {"true": True, "false": False, "null": None}
MOST_CHARACTERS = 4000
# Expansions that may be of many rows: those that another kind of row refers by.
MANY = ("owns__device", "release_tag", "release_image", "service_install", "service", "is_directly_accessible_by__user")


class UnknownQueryError(ValueError):
    """A question that is not answered here; the text says where it ends to be understood."""


def select(rows: Iterable[Row], query: Mapping[str, str]) -> list[Row]:
    """Return the rows that a query asks for; raises UnknownQueryError."""
    test = filter_of(query["$filter"]) if "$filter" in query else lambda _row: True
    found = [row for row in rows if test(row)]
    for part in reversed(query.get("$orderby", "").split(",") if query.get("$orderby") else []):
        name, _, direction = part.strip().partition(" ")
        found.sort(key=lambda row: (row.get(name) is not None, row.get(name)), reverse=direction.strip() == "desc")
    top = query.get("$top", "")
    return found[: int(top)] if top.isdigit() else found


def folded(row: Row, query: Mapping[str, str]) -> Row:
    """Return a row with the expansions that a query asks for, and else a reference; raises UnknownQueryError."""
    asked = expansions(query.get("$expand", ""))
    left: dict[str, Any] = {}
    for name, value in row.items():
        if not isinstance(value, list):
            left[name] = value
        elif name in asked:
            left[name] = [folded(inner, asked[name]) for inner in select(value, asked[name])]
        elif name not in MANY:
            left[name] = {"__id": value[0].get("id")} if value else None
    return left


def expansions(text: str) -> dict[str, dict[str, str]]:
    """Return the names that an $expand has, with what it asks of each: name($select=...;$expand=...;...), ..."""
    found = {}
    for part in _split(text, ","):
        name, _, options = part.strip().removesuffix(")").partition("(")
        asked = (option.partition("=") for option in _split(options, ";"))
        found[name] = {key.strip(): value for key, _, value in asked}
    return found


def _split(text: str, separator: str) -> list[str]:
    """Cut a text where a character stands in no brackets."""
    depth, parts = 0, [""]
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == separator and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part]


def filter_of(text: str) -> Test:
    """Read a filter; raises UnknownQueryError."""
    parser = _Parser(text)
    test = parser.any_of()
    parser.expect_end()
    return test


def selector_of(text: str) -> Test:
    """Read what stands in the brackets after a resource: an id, or fields with their values."""
    if text.isdigit():
        return _equals("id", int(text))
    parser = _Parser(text)
    tests = [parser.field()]
    while parser.take(","):
        tests.append(parser.field())
    parser.expect_end()
    return lambda row: all(test(row) for test in tests)


class _Parser:
    def __init__(self, text: str) -> None:
        if len(text) > MOST_CHARACTERS:
            raise UnknownQueryError("too long")
        self._text = text
        self._tokens: list[tuple[str, Any, int]] = []
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise UnknownQueryError(f"not understood: {text[at:].strip()[:40]}")
            kind = ("text", "name", "number", "sign")[found.lastindex - 1 if found.lastindex else 0]
            self._tokens.append((kind, _value(kind, found[found.lastindex or 0]), at))
            at = found.end()
        self._next = 0
        self._depth = 0

    def any_of(self) -> Test:
        self._depth += 1
        if self._depth > 20:
            raise UnknownQueryError("too deep")
        tests = [self._all_of()]
        while self._word("or"):
            tests.append(self._all_of())
        self._depth -= 1
        return lambda row: any(test(row) for test in tests)

    def field(self) -> Test:
        name = self._name()
        self._expect("=")
        return _equals(name, self._literal())

    def take(self, sign: str) -> bool:
        if self._peek() != ("sign", sign):
            return False
        self._next += 1
        return True

    def expect_end(self) -> None:
        if self._next < len(self._tokens):
            raise self._lost()

    def _all_of(self) -> Test:
        tests = [self._one()]
        while self._word("and"):
            tests.append(self._one())
        return lambda row: all(test(row) for test in tests)

    def _one(self) -> Test:
        if self.take("("):
            test = self.any_of()
            self._expect(")")
            return test
        if self._peek()[0] == "number":  # that a user may see a fleet is asked by "1 eq 1"
            left = self._literal()
            self._expect_word("eq")
            right = self._literal()
            return lambda _row: bool(left == right)
        name = self._name()
        if name == "startswith":
            self._expect("(")
            path = self._name()
            self._expect(",")
            begin = str(self._literal())
            self._expect(")")
            return lambda row: str(_at(row, path)).startswith(begin)
        if name.endswith("/any"):
            return self._any(name.removesuffix("/any"))
        if self._word("ne"):
            unwanted = _equals(name, self._literal())
            return lambda row: not unwanted(row)
        if self._word("in"):
            return self._among(name)
        self._expect_word("eq")
        return _equals(name, self._literal())

    def _any(self, expansion: str) -> Test:
        self._expect("(")
        variable = self._name()
        self._expect(":")
        inner = self.any_of()
        self._expect(")")
        return lambda row: any(inner({variable: expanded}) for expanded in row.get(expansion, ()))

    def _among(self, name: str) -> Test:
        self._expect("(")
        tests = [_equals(name, self._literal())]
        while self.take(","):
            tests.append(_equals(name, self._literal()))
        self._expect(")")
        return lambda row: any(test(row) for test in tests)

    def _literal(self) -> Any:
        kind, value = self._peek()
        if kind not in ("text", "number") and (kind != "name" or value not in WORDS):
            raise self._lost()
        self._next += 1
        return WORDS[value] if kind == "name" else value

    def _name(self) -> str:
        kind, value = self._peek()
        if kind != "name":
            raise self._lost()
        self._next += 1
        return str(value)

    def _word(self, word: str) -> bool:
        if self._peek() != ("name", word):
            return False
        self._next += 1
        return True

    def _expect_word(self, word: str) -> None:
        if not self._word(word):
            raise self._lost()

    def _expect(self, sign: str) -> None:
        if not self.take(sign):
            raise self._lost()

    def _peek(self) -> tuple[str, Any]:
        return self._tokens[self._next][:2] if self._next < len(self._tokens) else ("end", None)

    def _lost(self) -> UnknownQueryError:
        at = self._tokens[self._next][2] if self._next < len(self._tokens) else len(self._text)
        return UnknownQueryError(f"not understood from here on: {self._text[at:].strip()[:40] or 'its end'}")


def _value(kind: str, text: str) -> Any:
    if kind == "text":
        return text.replace("''", "'")
    if kind == "number":
        return float(text) if "." in text else int(text)
    return text


def _equals(path: str, wanted: Any) -> Test:
    def test(row: Row) -> bool:
        found = _at(row, path)
        # A reference to another row is asked for by that row's id.
        return bool(found == wanted or (isinstance(found, Mapping) and found.get("__id") == wanted))

    return test


def _at(row: Row, path: str) -> Any:
    found: Any = row
    for name in path.split("/"):
        if isinstance(found, list):  # an expansion: the one row that it has
            found = found[0] if found else None
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, list):
        return {"__id": found[0].get("id")} if found else None
    return found
