"""Read YAML as plain data that knows where each value stands, and lay one tree over another.

YAML 1.2's core schema, so that `on`, `off` and `22:00` are text; a key given twice is an error.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path as File
from typing import Any, NamedTuple

import yaml

Path = tuple[str, ...]
PREFIX = "PICKET__"

# Variables with a name of their own, as people and other images know them.
ALIASES: dict[str, Path] = {
    "MQTT_HOST": ("mqtt", "host"),
    "MQTT_PORT": ("mqtt", "port"),
    "MQTT_USERNAME": ("mqtt", "username"),
    "MQTT_PASSWORD": ("mqtt", "password"),
    "BROKER_USERNAME": ("broker", "username"),
    "BROKER_PASSWORD": ("broker", "password"),
    "INFLUX_URL": ("recorder", "url"),
    "INFLUX_TOKEN": ("recorder", "token"),
    "INFLUX_ORG": ("recorder", "org"),
    "INFLUX_BUCKET": ("recorder", "bucket"),
    "SLACK_WEBHOOK_URL": ("notifier", "slack_webhook_url"),
    "SLACK_FALLBACK_WEBHOOK_URL": ("notifier", "slack_fallback_webhook_url"),
    "SENTRY_DSN": ("notifier", "sentry_dsn"),
    "SENTRY_ENVIRONMENT": ("notifier", "sentry_environment"),
    "PING_URL": ("notifier", "ping_url"),
    "RSYSLOG_SERVER": ("rsyslog_server",),
}


class Problem(NamedTuple):
    """One mistake: its place ("picket.yaml:12" or a variable's name), the value's path, and what is wrong."""

    place: str
    path: Path
    text: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.place}: {'.'.join(self.path) + ': ' if self.path else ''}{self.text}"


class VariableText(str):
    """Text of a variable: its type is not known before the schema is."""


class Tree:
    """Plain data, and the place of every value in it."""

    def __init__(self) -> None:
        """Begin empty."""
        self.data: dict[str, Any] = {}
        self.places: dict[Path, str] = {}
        self.problems: list[Problem] = []

    def place(self, path: Path) -> str:
        """Name the place of the value at `path`, or of the nearest one around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, "the configuration")

    def lay_file(self, file: File) -> None:
        """Lay a file's mapping over what is here; null takes a key away."""
        try:
            node = yaml.compose(file.read_text(encoding="utf-8"), Loader=CoreLoader)
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(str(file), (), f"can't be read: {getattr(error, 'strerror', '') or error}"))
            return
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{file}:{mark.line + 1}" if mark else str(file)
            self.problems.append(Problem(place, (), f"no YAML: {getattr(error, 'problem', None) or error}"))
            return
        self.places.setdefault((), str(file))
        if node is None:
            return
        if not isinstance(node, yaml.MappingNode):
            self.problems.append(Problem(f"{file}:1", (), "expected a mapping of sections"))
            return
        self._lay(self.data, self._plain(node, (), file))

    def lay_variables(self, environment: Mapping[str, str]) -> None:
        """Lay PICKET__SECTION__KEY and the aliases over what is here; an empty variable is as good as none."""
        for name, text in sorted(environment.items()):
            path = ALIASES.get(name) or (
                tuple(name[len(PREFIX) :].lower().split("__")) if name.startswith(PREFIX) else ()
            )
            if not path or not text.strip():
                continue
            value: Any = VariableText(text)
            for depth in range(len(path), 0, -1):
                self.places[path[:depth]] = name if depth == len(path) else self.places.get(path[:depth], name)
                value = {path[depth - 1]: value}
            self._lay(self.data, value)

    def _lay(self, under: dict[str, Any], over: Mapping[str, Any]) -> None:
        for key, value in over.items():
            if value is None:
                under.pop(key, None)
            elif isinstance(value, dict) and isinstance(under.get(key), dict):
                self._lay(under[key], value)
            else:
                under[key] = value

    def _plain(self, node: yaml.Node, path: Path, file: File) -> Any:
        self.places[path] = f"{file}:{node.start_mark.line + 1}"
        if isinstance(node, yaml.MappingNode):
            mapping: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(getattr(key_node, "value", ""))
                if key in mapping:
                    place = f"{file}:{key_node.start_mark.line + 1}"
                    self.problems.append(Problem(place, (*path, key), "given twice"))
                mapping[key] = self._plain(value_node, (*path, key), file)
                self.places[(*path, key)] = f"{file}:{key_node.start_mark.line + 1}"
            return mapping
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*path, str(index)), file) for index, item in enumerate(node.value)]
        return scalar(node)


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: no `on`, no sexagesimal numbers, no dates."""


_CORE = (
    ("bool", r"^(?:true|false)$", "tf"),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
    ("int", r"^(?:[-+]?[0-9]+|0x[0-9a-fA-F]+)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
)
CoreLoader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _CORE:
    CoreLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), list(_first))


def scalar(node: yaml.Node) -> Any:
    """Make a scalar node's value: int, float, bool, None or str."""
    kind = node.tag.rsplit(":", 1)[-1]
    text = str(node.value)
    if kind == "int":
        return int(text, 0) if text.lower().startswith("0x") else int(text)
    if kind == "float":
        return float(text)
    return {"bool": text == "true", "null": None}.get(kind, text)


def parse_variable(text: str) -> Any:
    """Read a variable's text as YAML; raises yaml.YAMLError."""
    tree = Tree()
    node = yaml.compose(text, Loader=CoreLoader)
    return None if node is None else tree._plain(node, (), File("variable"))


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield every value that is no mapping, with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    else:
        yield path, value
