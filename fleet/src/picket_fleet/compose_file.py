"""Read a docker-compose.yml as both of balena's parsers do, and know the line of every value."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

Path = tuple[str | int, ...]


class UnreadableError(ValueError):
    """The file is no YAML, or gives a key twice."""


class Composition(NamedTuple):
    """A file's data, and the line of each value in it."""

    data: Any
    lines: Mapping[Path, int]

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest one around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as both parsers read it: `no` is text, dates are too."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("merge", r"^<<$", "<"),
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def read(text: str) -> Composition:
    """Read a file's text; raises UnreadableError."""
    loader = _Loader(text)
    lines: dict[Path, int] = {}
    try:
        node = loader.get_single_node()
        if node is None:
            return Composition(None, lines)
        _refuse_repeated_keys(node)
        data = loader.construct_document(node)  # which merges what `<<` names into the nodes too
        _note_lines(node, (), lines)
    except yaml.YAMLError as error:
        raise UnreadableError(" ".join(str(error).split())) from error
    finally:
        loader.dispose()
    return Composition(data, lines)


def _refuse_repeated_keys(node: yaml.Node, seen: frozenset[int] = frozenset()) -> None:
    if id(node) in seen:
        raise yaml.constructor.ConstructorError(None, None, "a value that holds itself", node.start_mark)
    seen |= {id(node)}
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is given twice", key.start_mark)
            _refuse_repeated_keys(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(value, seen)


def _note_lines(node: yaml.Node, at: Path, lines: dict[Path, int]) -> None:
    lines.setdefault(at, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            lines[(*at, key.value)] = key.start_mark.line + 1
            _note_lines(value, (*at, key.value), lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _note_lines(value, (*at, index), lines)
