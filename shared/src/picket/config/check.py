"""Check a tree against the schema: every mistake at once, each with its place."""

from collections.abc import Callable, Mapping
from pathlib import Path as File
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from picket.config.cross_check import cross_check
from picket.config.schema import Config
from picket.config.tree import Path, Problem, Tree, VariableText, parse_variable

MISSING = object()


class Checker:
    """Converts a tree's data to the schema's Structs, and notes what does not fit."""

    def __init__(self, tree: Tree, collector_kinds: Mapping[str, type[msgspec.Struct]], collector: str = "") -> None:
        """Check `tree`; a collector's Struct is found by its `kind`, and left unchecked where none are known.

        Of several only the named `collector` is checked.
        """
        self._tree = tree
        self._kinds = collector_kinds
        self._collector_name = collector

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
        try:
            return struct(**fields) if sound else MISSING
        except ValueError as error:  # of its __post_init__
            return self._note(path, str(error))

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
        if not self._kinds or self._collector_name not in ("", path[-1]):
            return value
        kind = value.get("kind")
        if kind not in self._kinds:
            return self._note((*path, "kind"), f"expected one of {', '.join(sorted(self._kinds))}, got {kind!r}")
        return self._struct({k: v for k, v in value.items() if k != "kind"}, self._kinds[str(kind)], path)


def is_secret(hint: Any) -> bool:
    """Tell whether a field's type is marked as a secret."""
    metas = hint.__metadata__ if get_origin(hint) is Annotated else ()
    return any(isinstance(m, msgspec.Meta) and (m.extra or {}).get("secret") for m in metas)
