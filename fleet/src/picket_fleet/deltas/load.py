"""Stream into `docker load` what an engine lacks of a release: from a delta, from whole layers, from its own layers.

`docker load` takes an archive without the layers that it has under the same chain id. A layer that it has under
another one only (the layer below it changed) is read back from there: nothing is downloaded for it.

    archive    <diff id>.tar  each layer that is lacking, once
               <image id>.json  the configs
               manifest.json  [{"Config", "RepoTags", "Layers"}]     an image each
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from picket_fleet.deltas.layers import Layer, TarLayer
from picket_fleet.deltas.overlay import OverlayLayer, chain_ids
from picket_fleet.deltas.release import Image
from picket_fleet.errors import DeltaError
from picket_fleet.zstandard import zstd

BLOCK = 512
PIECE = 1 << 20
WINDOW_LOG_MAX = 27


class Content(NamedTuple):
    """A layer's tar that is at hand."""

    size: int
    pieces: Callable[[], Iterator[bytes]]  # raises DeltaError at the end when it is not what it should be


class DamagedLayerError(DeltaError):
    """A layer on the disk that is not what it was."""

    def __init__(self, diff_id: str) -> None:
        """Keep which one."""
        super().__init__(f"layer {diff_id[:12]} on this disk is damaged")
        self.diff_id = diff_id


def lacking(images: Sequence[Image], known_chains: Iterable[str]) -> list[str]:
    """Return the diff ids of the layers that an archive must have, each once."""
    known = set(known_chains)
    return list(
        dict.fromkeys(
            diff_id
            for image in images
            for diff_id, chain in zip(image.layers, chain_ids(image.layers), strict=True)
            if chain not in known
        )
    )


def archive(
    images: Sequence[Image], layers: Sequence[str], content: Callable[[str], Content], tags: Mapping[str, Sequence[str]]
) -> Iterator[bytes]:
    """Yield the archive; `tags` names images by their ids. Raises DeltaError if a layer comes out wrong."""
    for diff_id in layers:
        size, pieces = content(diff_id)
        yield from _member(f"{diff_id}.tar", size, pieces())
    manifest = []
    for image in images:
        yield from _member(f"{image.id}.json", len(image.config), iter([image.config]))
        names = [f"{diff_id}.tar" for diff_id in image.layers]
        manifest.append({"Config": f"{image.id}.json", "RepoTags": list(tags.get(image.id, ())), "Layers": names})
    data = json.dumps(manifest).encode()
    yield from _member("manifest.json", len(data), iter([data]))
    yield bytes(2 * BLOCK)


def from_layer(diff_id: str, layer: Layer) -> Content:
    """Return the tar of a layer that is on this disk, checked as it is read."""

    def pieces() -> Iterator[bytes]:
        digest = hashlib.sha256()
        try:
            for piece in _tar(layer):
                digest.update(piece)
                yield piece
        except (OSError, EOFError, ValueError):
            raise DamagedLayerError(diff_id) from None
        if digest.hexdigest() != diff_id:
            raise DamagedLayerError(diff_id)

    try:
        size = sum(map(len, layer.gaps())) + sum(file.size for file in layer.files)
    except (OSError, EOFError, ValueError):
        raise DamagedLayerError(diff_id) from None
    return Content(size, pieces)


def from_file(diff_id: str, file: Path) -> Content:
    """Return the tar of a zstd file, read once to check it and to know its size: raises DamagedLayerError."""
    return Content(sum(map(len, _unpacked(diff_id, file))), lambda: _unpacked(diff_id, file))


class EngineLayers:
    """The layers of an engine's images, read where they lie; where that can't be, from a copy of the images."""

    def __init__(self, root: Path, images: Sequence[Sequence[str]]) -> None:
        """Find the layers by the images' diff ids; `root` is the engine's folder."""
        self.root = root
        self.chains = {
            chain: diff_id for layers in images for diff_id, chain in zip(layers, chain_ids(layers), strict=True)
        }
        self._chain_of = {diff_id: chain for chain, diff_id in self.chains.items()}
        self._copies: Path | None = None

    @property
    def are_readable(self) -> bool:
        """Tell whether this process may read what this driver of the engine keeps."""
        return _is_readable(self.root)

    def has(self, diff_id: str) -> bool:
        """Tell whether an image has this layer."""
        return diff_id in self._chain_of

    def open(self, diff_id: str) -> Layer:
        """Return a layer; raises DamagedLayerError for one that can't be read."""
        try:
            if self._copies is not None:
                return TarLayer(self._copies / diff_id)
            return OverlayLayer(self.root, self._chain_of[diff_id])
        except (OSError, EOFError, ValueError, KeyError):
            raise DamagedLayerError(diff_id) from None

    def copy(self, saved: IO[bytes], diff_ids: Iterable[str], folder: Path) -> None:
        """Take these layers out of what `docker save` yields into a folder, and read them from there."""
        wanted = set(diff_ids)
        try:
            with tarfile.open(fileobj=saved, mode="r|") as tar:
                for member in tar:
                    if member.isreg():
                        _keep(tar, member, wanted, folder)
        except tarfile.TarError as error:
            raise DeltaError(f"what the engine saves can't be read: {error}") from None
        self._copies = folder


def _keep(tar: tarfile.TarFile, member: tarfile.TarInfo, wanted: set[str], folder: Path) -> None:
    """Keep a file if it is one of the layers; older engines name them otherwise, so all are looked into."""
    digest, fresh = hashlib.sha256(), folder / "fresh"
    source = tar.extractfile(member)
    with fresh.open("wb") as out:
        while source and (piece := source.read(PIECE)):
            digest.update(piece)
            out.write(piece)
    if digest.hexdigest() in wanted:
        fresh.replace(folder / digest.hexdigest())
    else:
        fresh.unlink()


def _member(name: str, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    header = tarfile.TarInfo(name)
    header.size = size
    yield header.tobuf(tarfile.GNU_FORMAT)
    got = 0
    for piece in pieces:
        got += len(piece)
        yield piece
    if got != size:
        raise DeltaError(f"{name[:12]} has {got} bytes, where {size} were expected")
    yield bytes(-size % BLOCK)


def _tar(layer: Layer) -> Iterator[bytes]:
    gaps = iter(layer.gaps())
    for index, file in enumerate(layer.files):
        yield next(gaps)
        for offset in range(0, file.size, PIECE):
            yield layer.read(index, offset, min(PIECE, file.size - offset))
    yield from gaps


def _unpacked(diff_id: str, file: Path) -> Iterator[bytes]:
    digest = hashlib.sha256()
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
    try:
        with zstd.open(file, "rb", options=options) as unpacked:
            while piece := unpacked.read(PIECE):
                digest.update(piece)
                yield piece
    except (OSError, EOFError, zstd.ZstdError):
        raise DamagedLayerError(diff_id) from None
    if digest.hexdigest() != diff_id:
        raise DamagedLayerError(diff_id)


def _is_readable(root: Path) -> bool:
    try:
        return any((root / "image/overlay2/layerdb/sha256").iterdir())
    except OSError:
        return False
