"""Find, read, overlay and check the configuration: what every process does first."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as File
from typing import Any

import msgspec

from picket.config.check import Checker, is_secret
from picket.config.schema import Config
from picket.config.tree import Path, Tree, VariableText, leaves
from picket.errors import ConfigError


class Loaded(msgspec.Struct):
    """A checked configuration, and where each value of it came from."""

    config: Config
    places: dict[Path, str]

    def values(self) -> list[tuple[Path, Any, str]]:
        """List every effective value as (path, value, place); secrets are starred."""
        rows = []
        secrets = set(_secrets(self.config))
        for path, value in leaves(msgspec.to_builtins(self.config, enc_hook=str)):
            shown = "***" if value and path in secrets else value
            place = self.places.get(path) or (
                self.places.get(path[:-1], "default") if path[-1:] == ("kind",) else "default"
            )
            rows.append((path, shown, place))
        return rows

    def digest(self) -> str:
        """Return a short hash of all effective values but the secrets."""
        text = msgspec.json.encode([(path, value) for path, value, _ in self.values()])
        return hashlib.sha256(text).hexdigest()[:12]


def _secrets(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield where secrets stand: in a section, and in the sections and mappings within it."""
    if isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            if is_secret(field.type):
                yield (*path, field.name)
            else:
                yield from _secrets(getattr(value, field.name), (*path, field.name))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _secrets(item, (*path, str(key)))
    elif isinstance(value, VariableText):  # of a collector whose kind is not known here: it may be one
        yield path


def load(file: File | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the checked configuration; raises ConfigError that lists every mistake, a line each."""
    return load_with_origins(file, environment).config


def load_with_origins(
    file: File | None = None, environment: Mapping[str, str] = os.environ, *, collectors: bool | str = False
) -> Loaded:
    """Return the configuration with the place of each value; `collectors` (or a named one) are checked by kind too.

    The file is `file`, or $PICKET_CONFIG, or config/picket.yaml here; devices/<device>.yaml beside it differs for
    the device that $PICKET_DEVICE, or else the file, names; variables come last.
    """
    file = file or File(environment.get("PICKET_CONFIG") or "config/picket.yaml")
    tree = Tree()
    tree.lay_file(file)
    if environment.get("PICKET_DEVICE"):
        tree.data["device"] = environment["PICKET_DEVICE"]
        tree.places[("device",)] = "PICKET_DEVICE"
    overlay = file.parent / "devices" / f"{tree.data.get('device')}.yaml"
    if overlay.exists():
        tree.lay_file(overlay)
    tree.lay_variables(environment)
    checker = Checker(tree, collector_kinds() if collectors else {}, collectors if isinstance(collectors, str) else "")
    config = None if tree.problems else checker.config()
    if config is None:
        raise ConfigError("\n".join(str(problem) for problem in tree.problems))
    return Loaded(config, tree.places)


class Kinds(Mapping[str, type[msgspec.Struct]]):
    """Each installed collector's configuration by its kind; what is not asked for is not imported."""

    def __init__(self, sources: Mapping[str, Any]) -> None:
        """Take over the modules that have them."""
        self._sources = sources

    def __getitem__(self, kind: str) -> type[msgspec.Struct]:
        """Return the Struct of a kind."""
        struct: type[msgspec.Struct] = self._sources[kind].Config
        return struct

    def __iter__(self) -> Iterator[str]:
        """Yield the kinds."""
        return iter(self._sources)

    def __len__(self) -> int:
        """Count them."""
        return len(self._sources)


def collector_kinds() -> Kinds:
    """Return the kinds of collectors that are installed; none where they are not."""
    from importlib.metadata import entry_points  # costs 25 ms, and most processes check no collectors

    rooms: list[Callable[[], Mapping[str, Any]]] = [room.load() for room in entry_points(group="picket.collectors")]
    return Kinds(rooms[0]() if rooms else {})
