"""Make the deltas between releases, each once: at the build, or when a device first asks.

Whoever makes one holds the lock of the folder, so that the memory and the processors of one are all that it takes; a
delta is written aside and then renamed, so that it is there whole or not at all.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from picket_fleet.build.layers import Layers
from picket_fleet.build.locks import is_locked, locked
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.make import make
from picket_fleet.deltas.release import Image
from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.store import images, releases
from picket_fleet.store.database import Database

SCRATCH = "delta-"

Make = Callable[[Path, Sequence[Image], Sequence[Image]], None]


def make_delta(home: Home, base: str, target: str) -> Path:
    """Return where the delta between two releases (commit ids) is, made now if it was not; raises FleetError."""
    database = home.database()
    try:
        images = [images_of(database, commit_id) for commit_id in (base, target)]
    finally:
        database.close()
    path = home.delta(base, target)
    with making(home) as from_to:
        if not path.exists():
            from_to(path, *images)
    return path


@contextmanager
def making(home: Home, wait: Callable[[], None] = lambda: None) -> Iterator[Make]:
    """Hold the lock, and give what writes a delta to a path, from images to images; it may raise FleetError."""
    with locked(_lock(home), wait):
        _sweep(home)
        with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home.builds) as scratch:
            unpacked = _Unpacked(Layers(home), Path(scratch))

            def from_to(path: Path, base: Sequence[Image], target: Sequence[Image]) -> None:
                _write(path, make(base, target, unpacked.open))

            yield from_to


def sweep(home: Home) -> None:
    """Sweep away what a killed one left behind, unless one is being made."""
    if not is_locked(_lock(home)):
        with locked(_lock(home), lambda: None):
            _sweep(home)


def images_of(database: Database, commit_id: str) -> list[Image]:
    """Return the images of a release as deltas order them: by service, each once; raises FleetError."""
    release = releases.of_commit(database, commit_id)
    found = images.of(database, release.id) if release else []
    configs = [images.config(database, image.image_id) for image in found]
    if not configs or None in configs:
        raise FleetError(f"release {commit_id[:7]} is not here any more")
    return in_order(config for config in configs if config)


def in_order(configs: Iterator[bytes]) -> list[Image]:
    """Return images by their configs, which come in the order of the services' names, each image once."""
    return list(dict.fromkeys(map(Image.of, configs)))


class _Unpacked:
    """Layers as tars, each unpacked once."""

    def __init__(self, layers: Layers, scratch: Path) -> None:
        self._layers = layers
        self._scratch = scratch
        self._opened: dict[str, TarLayer] = {}

    def open(self, diff_id: str) -> TarLayer:
        if diff_id not in self._opened:
            self._layers.unpack(diff_id, self._scratch / diff_id)
            self._opened[diff_id] = TarLayer(self._scratch / diff_id)
        return self._opened[diff_id]


def _sweep(home: Home) -> None:
    for left in home.builds.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def _lock(home: Home) -> Path:
    return home.deltas / ".lock"


def _write(path: Path, data: bytes) -> None:
    aside = path.with_name(".new")
    with aside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
