"""Find, read, overlay and check the configuration: what every process does first."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path as File
from typing import Any

import msgspec

from picket.config.check import Checker, is_secret
from picket.config.schema import Config
from picket.config.tree import Path, Tree, leaves
from picket.errors import ConfigError


class Loaded(msgspec.Struct):
    """A checked configuration, and where each value of it came from."""

    config: Config
    places: dict[Path, str]

    def values(self) -> list[tuple[Path, Any, str]]:
        """List every effective value as (path, value, place); secrets are starred."""
        rows = []
        for path, value in leaves(msgspec.to_builtins(self.config)):
            shown = "***" if value and path in self._secrets() else value
            place = self.places.get(path) or (
                self.places.get(path[:-1], "default") if path[-1:] == ("kind",) else "default"
            )
            rows.append((path, shown, place))
        return rows

    def digest(self) -> str:
        """Return a short hash of all effective values but the secrets."""
        text = msgspec.json.encode([(path, value) for path, value, _ in self.values()])
        return hashlib.sha256(text).hexdigest()[:12]

    def _secrets(self) -> set[Path]:
        found: set[Path] = set()
        for section in msgspec.structs.fields(Config):
            struct = getattr(self.config, section.name)
            if isinstance(struct, msgspec.Struct):
                for field in msgspec.structs.fields(type(struct)):
                    if is_secret(field.type):
                        found.add((section.name, field.name))
        return found


def load(file: File | None = None, environment: Mapping[str, str] = os.environ) -> Config:
    """Return the checked configuration; raises ConfigError that lists every mistake, a line each."""
    return load_with_origins(file, environment).config


def load_with_origins(
    file: File | None = None, environment: Mapping[str, str] = os.environ, *, collectors: bool = False
) -> Loaded:
    """Return the configuration with the place of each value; `collectors` checks each of them by its kind too.

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
    config = None if tree.problems else Checker(tree, collector_kinds() if collectors else {}).config()
    if config is None:
        raise ConfigError("\n".join(str(problem) for problem in tree.problems))
    return Loaded(config, tree.places)


def collector_kinds() -> dict[str, type[msgspec.Struct]]:
    """Return each installed collector's configuration by its kind; none where the collectors are not installed."""
    from importlib.metadata import entry_points  # costs 25 ms, and most processes check no collectors

    kinds: dict[str, type[msgspec.Struct]] = {}
    for entry in entry_points(group="picket.collectors"):
        sources: Callable[[], Mapping[str, Any]] = entry.load()
        kinds.update({kind: module.Config for kind, module in sources().items()})
    return kinds
