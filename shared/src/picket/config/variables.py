"""Every variable that the release knows, as a page for people: made of the schema, so that it says what is so."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from picket.config.load import collector_kinds
from picket.config.schema import Config, Name
from picket.config.tree import ALIASES, PREFIX, Path

_NAME: Any = inspect.type_info(Name)

# What an alias is for, for people who fill it in.
PURPOSES = {
    "MQTT_HOST": "the broker; without, the one that is part of the release",
    "MQTT_PORT": "the broker's port",
    "MQTT_USERNAME": "the broker's user",
    "MQTT_PASSWORD": "that user's password",
    "BROKER_USERNAME": "who else may use the release's own broker: home, if nothing is given",
    "BROKER_PASSWORD": "that user's password; without, nobody else gets in",
    "INFLUX_URL": "where the recorder writes; at rest without",
    "INFLUX_TOKEN": "a token that may write there",
    "INFLUX_ORG": "InfluxDB's organisation",
    "INFLUX_BUCKET": "InfluxDB's bucket",
    "SLACK_WEBHOOK_URL": "where the notifier tells people; at rest without",
    "SLACK_FALLBACK_WEBHOOK_URL": "a second webhook, for when the first one refuses",
    "SENTRY_DSN": "where the notifier reports faults; at rest without",
    "SENTRY_ENVIRONMENT": "the environment that Sentry shows",
    "PING_URL": "a dead-man's switch that is pinged while all is well",
    "RSYSLOG_SERVER": "where logs are forwarded to by TCP: host, or host:port",
}
# Variables that are read outside of the configuration.
OTHERS = {
    "PICKET_CONFIG": "the configuration's file; the image sets it",
    "PICKET_RELEASE": "the release that is told instead of the one that balena names",
    "PICKET_DEVICE": "which device this is; without, balena's dashboard says so, else the file",
    "NO_START": "1: the container starts nothing and waits, for looking around in it",
    "TEST_ON_START_ADDRESS": "an address that is tried at the start, and the log says how it went: host:port, or a URL",
}
HEAD = """\
# Variables

Made by `make docs` from the configuration's schema. Fleet and device variables (in balena's dashboard, or by `balena
env set`) come last: after `config/picket.yaml` and `config/devices/<device>.yaml`.

Any value of the configuration is `PICKET__SECTION__KEY`; a part of a name that is yours is in capitals too: the input
`front_door` is `PICKET__INPUTS__FRONT_DOOR__HOLD_SECONDS`. Values are read as YAML where the type is no text:
`[0x68, 0x69]`, `true`, `2.5`. An empty variable counts as none. Secrets stand in no file of git: they are given here,
or `<key>_FILE` names a file that holds them.
"""


class Row(NamedTuple):
    """One variable."""

    name: str
    values: str
    default: str


class Section(NamedTuple):
    """A mapping of the configuration, and the variables of its values."""

    title: str
    text: str
    rows: list[Row]


def page() -> str:
    """Return the whole page, in Markdown."""
    parts = [HEAD, "## With names of their own\n", _table(("variable", "what it is", "the same as"), _aliases())]
    parts += ["## Read outside of the configuration\n", _table(("variable", "what it is"), list(OTHERS.items()))]
    for section in sections():
        parts.append(f"## {section.title}\n\n{section.text}\n")
        if section.rows:
            parts.append(_table(("variable", "values", "default"), section.rows))
    return "\n".join(parts)


def sections() -> Iterator[Section]:
    """Yield each section of the schema, with the kinds of collectors that are installed."""
    yield from _walk(inspect.type_info(Config), (), "The device")
    for kind, struct in sorted(collector_kinds().items()):
        yield from _walk(inspect.type_info(struct), ("collectors", "<name>"), f"`collectors.<name>`, kind {kind}")


def _aliases() -> list[tuple[str, str, str]]:
    return [(name, PURPOSES[name], f"`{_variable(path)}`") for name, path in ALIASES.items()]


def _walk(info: Any, path: Path, title: str) -> Iterator[Section]:
    tag = [Row(_variable((*path, info.tag_field)), f"`{info.tag}`", "**must be given**")] if info.tag_field else []
    below: list[tuple[Any, Path]] = []
    rows = []
    for field in info.fields:
        here = (*path, field.name)
        structs = list(_structs(field.type, here))
        below += structs
        if not structs and field.name != "collectors":
            rows.append(Row(_variable(here), _values(field.type), _default(field)))
    yield Section(title, _summary(info.cls), tag + rows)
    for struct, here in below:
        kind = f", {struct.tag_field} {struct.tag}" if struct.tag_field else ""
        yield from _walk(struct, here, f"`{'.'.join(here)}`{kind}")


def _structs(kind: Any, path: Path) -> Iterator[tuple[Any, Path]]:
    """Yield the Structs that a field holds, each with its path."""
    match kind:
        case inspect.StructType():
            yield kind, path
        case inspect.UnionType():
            for one in kind.types:
                yield from _structs(one, path)
        case inspect.DictType():
            yield from _structs(kind.value_type, (*path, "<name>"))


def _values(kind: Any) -> str:
    """Say what a value may be."""
    match kind:
        case inspect.Metadata():
            return "secret" if (kind.extra or {}).get("secret") else _values(kind.type)
        case inspect.BoolType():
            return "`true`, `false`"
        case inspect.LiteralType():
            return ", ".join(f"`{value}`" for value in kind.values)
        case inspect.UnionType():
            return " or ".join(_values(one) for one in kind.types if not isinstance(one, inspect.NoneType))
        case inspect.IntType():
            return "whole number" + _bounds(kind)
        case inspect.FloatType():
            return "number" + _bounds(kind)
        case inspect.ListType():
            return f"list: {_values(kind.item_type)}"
        case inspect.StrType() if kind.pattern is None:
            return "text"
        case inspect.StrType():
            pattern = str(kind.pattern).replace("|", "\\|")
            return "name" if kind.pattern == _NAME.pattern else f"text like `{pattern}`"
    return "anything"


def _bounds(kind: Any) -> str:
    words = []
    for bound, word in ((kind.ge, "from"), (kind.gt, "more than"), (kind.le, "to"), (kind.lt, "less than")):
        if bound is not None:
            words.append(f"{word} {bound:.10g}")
    return " " + " ".join(words) if words else ""


def _default(field: Any) -> str:
    if field.required:
        return "**must be given**"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if value is None or value in ("", [], {}):
        return "none"
    if isinstance(value, float):
        return f"`{value:.10g}`"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _summary(struct: type) -> str:
    return " ".join((struct.__doc__ or "").split())


def _variable(path: Path) -> str:
    return PREFIX + "__".join(part.upper() for part in path)


def _table(head: tuple[str, ...], rows: list[Any]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [f"| `{row[0]}` | {' | '.join(row[1:])} |" for row in rows]
    return "\n".join(lines) + "\n"
