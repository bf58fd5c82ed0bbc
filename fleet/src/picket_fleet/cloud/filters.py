"""Filters and selectors of OData, as far as balena's command line goes. Pure.

filter     = all { "or" all }     all = one { "and" one }
one        = "(" filter ")" | name "/any(" variable ":" filter ")" | test
test       = path ("eq" | "ne") value | path "in" "(" value { "," value } ")" | "startswith(" path "," value ")"
           | value "eq" value
path       = name { "/" name }        into expanded rows, after the variable of an `any`
value      = 'text' | number | true | false | null
selector   = id | name "=" value { "," name "=" value }     what stands in the brackets after a resource
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
Test = Callable[[Row], bool]

TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z_$][\w$]*(?:/[A-Za-z_]\w*)*)|(-?\d+(?:\.\d+)?)|([(),:=]))")
NUMBER = re.compile(r"[0-9]{1,18}")
WORDS = {"true": True, "false": False, "null": None}
MOST_CHARACTERS = 4000


class UnknownQueryError(ValueError):
    """A question that is not answered here; the text says where it ends to be understood."""


def filter_of(text: str) -> Test:
    """Read a filter; raises UnknownQueryError."""
    parser = _Parser(text)
    test = parser.any_of()
    parser.expect_end()
    return test


def selector_of(text: str) -> Test:
    """Read what stands in the brackets after a resource: an id, or fields with their values."""
    if (number := number_of(text)) is not None:
        return _equals("id", number)
    parser = _Parser(text)
    tests = [parser.field()]
    while parser.take(","):
        tests.append(parser.field())
    parser.expect_end()
    return lambda row: all(test(row) for test in tests)


def number_of(text: str) -> int | None:
    """Return the number that a text is, as far as ids and counts go; else None."""
    return int(text) if NUMBER.fullmatch(text) else None


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
        return lambda row: any(inner({variable: expanded}) for expanded in value_of(row, expansion) or ())

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


def value_of(row: Row, name: str) -> Any:
    """Return a field; what is a function is looked up only now."""
    found = row.get(name)
    return found() if callable(found) else found


def _at(row: Row, path: str) -> Any:
    found: Any = row
    for name in path.split("/"):
        if isinstance(found, list):  # an expansion: the one row that it has
            found = found[0] if found else None
        found = value_of(found, name) if isinstance(found, Mapping) else None
    if isinstance(found, list):
        return {"__id": found[0].get("id")} if found else None
    return found
