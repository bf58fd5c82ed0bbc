"""Check a tree against the schema: every mistake at once, each with its place."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as File
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from picket.config import rules
from picket.config.schema import Config, Loop
from picket.config.tree import Path, Problem, Tree, VariableText, parse_variable
from picket.errors import ConfigError

MISSING = object()


class Checker:
    """Converts a tree's data to the schema's Structs, and notes what does not fit."""

    def __init__(self, tree: Tree, collector_kinds: Mapping[str, type[msgspec.Struct]]) -> None:
        """Check `tree`; a collector's Struct is found by its `kind`, and left unchecked where none are known."""
        self._tree = tree
        self._kinds = collector_kinds

    def config(self) -> Config | None:
        """Return the configuration, or None when the tree has problems."""
        config = self._value(self._tree.data, Config, ())
        if isinstance(config, Config):
            for path, text in cross_check(config, self._tree.data):
                self._note(path, text)
        return config if isinstance(config, Config) and not self._tree.problems else None

    def _note(self, path: Path, text: str) -> Any:
        self._tree.problems.append(Problem(self._tree.place(path), path, text))
        return MISSING

    def _value(self, value: Any, hint: Any, path: Path) -> Any:
        plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
        if isinstance(value, VariableText) and plain is not str:
            try:
                value = parse_variable(value)
            except yaml.YAMLError:
                return self._note(path, f"no YAML: {str(value)[:40]!r}")
        arguments = get_args(plain)
        if get_origin(plain) in (Union, UnionType):
            if value is None and NoneType in arguments:
                return None
            structs = [a for a in arguments if isinstance(a, type) and issubclass(a, msgspec.Struct)]
            if structs:
                return self._one_of(value, structs, path)
        if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
            return self._struct(value, plain, path)
        if get_origin(plain) is dict and isinstance(value, dict):
            convert = self._collector if path == ("collectors",) else None
            return self._mapping(value, arguments, path, convert)
        return self._leaf(value, hint, path)

    def _leaf(self, value: Any, hint: Any, path: Path) -> Any:
        try:
            return msgspec.convert(str(value) if isinstance(value, VariableText) else value, hint)
        except msgspec.ValidationError as error:
            expected = str(error).split(" - at ")[0].replace("`", "")
            got = "" if ", got" in expected or "value" in expected else f", got {value!r}"
            return self._note(path, expected[0].lower() + expected[1:] + got)

    def _mapping(
        self,
        value: dict[str, Any],
        hints: tuple[Any, ...],
        path: Path,
        convert: Callable[[Any, Path], Any] | None,
    ) -> dict[str, Any]:
        items = {}
        for key, item in value.items():
            if self._leaf(key, hints[0], (*path, key)) is MISSING:
                continue
            one = convert(item, (*path, key)) if convert else self._value(item, hints[1], (*path, key))
            if one is not MISSING:
                items[key] = one
        return items

    def _one_of(self, value: Any, structs: list[type[msgspec.Struct]], path: Path) -> Any:
        if len(structs) == 1:
            return self._struct(value, structs[0], path)
        if not isinstance(value, dict):
            return self._note(path, f"expected a mapping, got {type(value).__name__}")
        tagged = {str(s.__struct_config__.tag): s for s in structs}
        tag_field = str(structs[0].__struct_config__.tag_field)
        kind = value.get(tag_field)
        if kind not in tagged:
            return self._note((*path, tag_field), f"expected one of {', '.join(tagged)}, got {kind!r}")
        return self._struct({k: v for k, v in value.items() if k != tag_field}, tagged[str(kind)], path)

    def _struct(self, value: Any, struct: type[msgspec.Struct], path: Path) -> Any:
        if not isinstance(value, dict):
            return self._note(path, f"expected a mapping, got {type(value).__name__}")
        hints = get_type_hints(struct, include_extras=True)
        for key in value:
            if key not in hints:
                self._note((*path, str(key)), f"unknown key; known are {', '.join(hints)}")
        fields: dict[str, Any] = {}
        sound = True
        for field in msgspec.structs.fields(struct):
            if field.name in value:
                one = self._field(value[field.name], hints[field.name], (*path, field.name))
                if one is not MISSING:
                    fields[field.name] = one
                    continue
            elif not field.required:
                continue
            else:
                self._note((*path, field.name), "is missing")
            sound = sound and not field.required
        self._read_secrets(fields, hints, path)
        return struct(**fields) if sound else MISSING

    def _field(self, value: Any, hint: Any, path: Path) -> Any:
        if is_secret(hint) and value and not isinstance(value, VariableText):
            key = path[-1]
            return self._note(
                path, f"a secret stands in no file of git: give a variable, or name its file in {key}_file"
            )
        return self._value(value, hint, path)

    def _read_secrets(self, fields: dict[str, Any], hints: Mapping[str, Any], path: Path) -> None:
        for name in [n for n, hint in hints.items() if is_secret(hint)]:
            file = fields.get(f"{name}_file")
            if file and not fields.get(name):
                try:
                    fields[name] = File(file).read_text(encoding="utf-8").strip()
                except OSError as error:
                    self._note((*path, f"{name}_file"), f"{file} can't be read: {error.strerror}")

    def _collector(self, value: Any, path: Path) -> Any:
        if not isinstance(value, dict):
            return self._note(path, f"expected a mapping, got {type(value).__name__}")
        if not self._kinds:
            return value
        kind = value.get("kind")
        if kind not in self._kinds:
            return self._note((*path, "kind"), f"expected one of {', '.join(sorted(self._kinds))}, got {kind!r}")
        return self._struct({k: v for k, v in value.items() if k != "kind"}, self._kinds[str(kind)], path)


def is_secret(hint: Any) -> bool:
    """Tell whether a field's type is marked as a secret."""
    metas = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return any(isinstance(m, msgspec.Meta) and (m.extra or {}).get("secret") for m in metas)


def cross_check(config: Config, data: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield what one section says of another and is not so: (path, text)."""
    yield from _places_on_boards(config)
    for name, output in config.outputs.items():
        if output.max_on_seconds is not None and "ON" in (output.default, output.failsafe):
            yield ("outputs", name, "max_on_seconds"), "an output that rests ON can't have a maximum on-time"
    for name, source in config.inputs.items():
        if isinstance(source, Loop) and not {"normal", "alarm"} <= set(source.zones):
            yield ("inputs", name, "zones"), "a loop needs at least a normal and an alarm band"
        on, off = getattr(source, "on_above_volts", None), getattr(source, "off_below_volts", None)
        if on is not None and off is not None and off > on:
            yield ("inputs", name, "off_below_volts"), f"expected at most on_above_volts ({on}), got {off}"
    known = {"input": data.get("inputs") or {}, "output": data.get("outputs") or {}}
    for name, rule in config.rules.items():
        for key, parse in (
            ("when", rules.parse_state),
            ("only_if", rules.parse_state),
            ("then", rules.parse_action),
        ):
            text = getattr(rule, key)
            if key == "only_if" and not text:
                continue
            try:
                parsed = parse(text)
            except ConfigError as error:
                yield ("rules", name, key), str(error)
                continue
            what, target = ("output", parsed.output) if isinstance(parsed, rules.Action) else (parsed.what, parsed.name)
            if target not in known[what]:
                yield (
                    ("rules", name, key),
                    f"there is no {what} {target!r}; there are {', '.join(known[what]) or 'none'}",
                )


def _places_on_boards(config: Config) -> Iterator[tuple[Path, str]]:
    inputs: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, source in config.inputs.items():
        if source.board not in config.adc_boards:
            yield ("inputs", name, "board"), f"there is no ADC board {source.board!r}"
        elif source.channel > 4 * len(config.adc_boards[source.board].addresses):
            yield ("inputs", name, "channel"), f"board {source.board!r} has one chip: channels 1 to 4"
        inputs[source.board, source.channel].append(name)
    outputs: dict[tuple[str, int], list[str]] = defaultdict(list)
    for name, output in config.outputs.items():
        if output.board not in config.io_boards:
            yield ("outputs", name, "board"), f"there is no IO board {output.board!r}"
        elif output.pin > 16 * len(config.io_boards[output.board].addresses):
            yield ("outputs", name, "pin"), f"board {output.board!r} has one chip: pins 1 to 16"
        outputs[output.board, output.pin].append(name)
    for section, key, taken in (("inputs", "channel", inputs), ("outputs", "pin", outputs)):
        for (board, number), names in taken.items():
            for name in names[1:]:
                yield (section, name, key), f"{key} {number} of board {board!r} is {names[0]!r}'s already"
    addresses: dict[tuple[str, int], str] = {}
    adcs = [("adc_boards", name, board.bus, board.addresses) for name, board in config.adc_boards.items()]
    ios = [("io_boards", name, board.bus, board.addresses) for name, board in config.io_boards.items()]
    for section, name, bus, chips in (*adcs, *ios):
        for address in chips:
            owner = addresses.setdefault((bus, address), f"{section}.{name}")
            if owner != f"{section}.{name}" or chips.count(address) > 1:
                yield (section, name, "addresses"), f"address 0x{address:02x} of {bus} is {owner}'s already"
