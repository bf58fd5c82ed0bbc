"""Where the layers of all releases are: compressed, by the digest of what they are.

    layers/<diff id>.tar.zst     a normalised layer
    layers/<engine's>.is         the diff id that a layer of the engine has here: what is known need not be read again

Level 9 of zstd: of the release's 160 MB it makes 42 MB in 1.4 s; level 19 makes 36 MB in 30 s, level 3 47 MB in 0.3 s.
Deltas need plain tars: unpacking these takes 0.4 s, less than it costs to keep both.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from picket_fleet.build import normalise
from picket_fleet.build.engine import Engine
from picket_fleet.build.errors import BuildError
from picket_fleet.build.saved import layers_of_saved, unpacked
from picket_fleet.deltas.overlay import OverlayLayer, chain_ids
from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.zstandard import zstd

LEVEL = 9
PIECE = 1 << 20


class Layers:
    """The layers of a fleet."""

    def __init__(self, home: Home) -> None:
        """Look in the fleet's folder."""
        self._home = home

    def config(self, inspected: Mapping[str, Any]) -> bytes:
        """Return an image's normalised config, once its layers are here; raises KeyError for one that is not."""
        ours = self.ours()
        return normalise.config(inspected, [ours[engine_id] for engine_id in _engine_ids(inspected)])

    def ours(self) -> dict[str, str]:
        """Return the diff ids here by those of the engine, of layers that are here."""
        known = {file.stem: file.read_text() for file in self._home.layers.glob("*.is")}
        here = {file.name.partition(".")[0] for file in self._home.layers.glob("*.tar.zst")}
        return {engine_id: ours for engine_id, ours in known.items() if ours in here}

    def fetch(self, engine: Engine, images: Sequence[Mapping[str, Any]]) -> int:
        """Take over the layers of images (as inspected) that are not here; return the bytes of those that are new."""
        before = self._size()
        lacking = set().union(*map(_engine_ids, images)) - set(self.ours())
        lacking -= self._fetch_where_they_lie(engine, images, lacking)
        needed = [image["Id"] for image in images if lacking & set(_engine_ids(image))]
        if needed:
            for layer in layers_of_saved(engine.save(needed)):
                self._keep(layer, lacking)
        left = {engine_id for image in images for engine_id in _engine_ids(image)} - set(self.ours())
        if left:
            raise BuildError(f"the engine does not give layer {min(left)[:12]} out")
        return self._size() - before

    def take(self, blob: IO[bytes], engine_id: str) -> None:
        """Take over a layer that was pushed; raises BuildError for one that is not what it is called."""
        if not self._keep(unpacked(blob), {engine_id}):
            raise BuildError(f"layer {engine_id[:12]} is another one than it is called")

    def unpack(self, diff_id: str, file: Path) -> None:
        """Write a layer's tar; raises FleetError when it is gone, or damaged."""
        digest = hashlib.sha256()
        try:
            with zstd.open(self._home.layer(diff_id)) as packed, file.open("wb") as out:
                while piece := packed.read(PIECE):
                    digest.update(piece)
                    out.write(piece)
        except (OSError, EOFError, zstd.ZstdError) as error:
            raise FleetError(f"layer {diff_id[:12]} can't be read: {error}") from None
        if digest.hexdigest() != diff_id:
            self._home.layer(diff_id).unlink(missing_ok=True)  # the next build that has it brings it again
            raise FleetError(f"layer {diff_id[:12]} is damaged")

    def _fetch_where_they_lie(self, engine: Engine, images: Sequence[Mapping[str, Any]], lacking: set[str]) -> set[str]:
        """Read layers in the engine's folder, if it is on this machine and may be read: the others need not be sent."""
        root = engine.root()
        found: set[str] = set()
        for image in images:
            engine_ids = _engine_ids(image)
            for engine_id, chain_id in zip(engine_ids, chain_ids(engine_ids), strict=True):
                if engine_id not in lacking - found:
                    continue
                try:
                    if self._keep(_Pieces(_tar(OverlayLayer(root, chain_id))), {engine_id}):
                        found.add(engine_id)
                except (OSError, ValueError):
                    return found
        return found

    def _keep(self, layer: normalise.Readable, wanted: Iterable[str]) -> bool:
        """Keep a layer, normalised, if it is one of the engine's that are wanted."""
        given, digest = _Hashed(layer), hashlib.sha256()
        aside = self._home.layers / ".new"
        parameter = zstd.CompressionParameter
        options: dict[int, int] = {parameter.compression_level: LEVEL, parameter.nb_workers: _workers()}
        try:
            with aside.open("wb") as file:
                with zstd.open(file, "wb", options=options) as out:
                    for piece in normalise.clamp(given):
                        digest.update(piece)
                        out.write(piece)
                file.flush()
                os.fsync(file.fileno())
            engine_id = given.digest.hexdigest()
            if engine_id not in wanted:
                return False
            if not (file_here := self._home.layer(digest.hexdigest())).exists():
                aside.replace(file_here)
        finally:
            aside.unlink(missing_ok=True)
        (self._home.layers / f"{engine_id}.is").write_text(digest.hexdigest())
        _sync(self._home.layers)
        return True

    def _size(self) -> int:
        return sum(file.stat().st_size for file in self._home.layers.glob("*.tar.zst"))


class _Hashed:
    """What is read, and its digest so far."""

    def __init__(self, stream: normalise.Readable) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, length: int, /) -> bytes:
        piece = self._stream.read(length)
        self.digest.update(piece)
        return piece


class _Pieces:
    """Pieces, to be read as a file is."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, length: int, /) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        part, self._rest = self._rest[:length], self._rest[length:]
        return bytes(part)


def _tar(layer: OverlayLayer) -> Iterable[bytes]:
    gaps = layer.gaps()
    for index, file in enumerate(layer.files):
        yield gaps[index]
        for offset in range(0, file.size, PIECE):
            yield layer.read(index, offset, min(PIECE, file.size - offset))
    yield gaps[-1]


def _engine_ids(inspected: Mapping[str, Any]) -> list[str]:
    found = [layer.removeprefix("sha256:") for layer in inspected["RootFS"].get("Layers") or ()]
    if not all(re.fullmatch("[0-9a-f]{64}", engine_id) for engine_id in found):
        raise BuildError("the engine names a layer by no sha256")
    return found


def _workers() -> int:
    return len(os.sched_getaffinity(0))


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
