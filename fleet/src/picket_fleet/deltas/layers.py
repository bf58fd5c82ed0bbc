"""A layer's tar, taken apart into the contents of its files and the headers between them."""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class File(NamedTuple):
    """A regular file with contents, by the order in the tar."""

    name: str
    size: int


class Layer(Protocol):
    """A layer as both sides see it; there is one gap more than there are files."""

    files: Sequence[File]

    def gaps(self) -> list[bytes]:
        """Return the headers before each file's contents, and what follows the last."""

    def read(self, index: int, offset: int, length: int) -> bytes:
        """Return a part of a file's contents."""


class TarLayer:
    """A layer in a tar file; one that can't be taken apart is all of it one file without headers."""

    def __init__(self, path: Path) -> None:
        """Read where everything stands."""
        self._path = path
        size = path.stat().st_size
        try:
            places = _places(path)
        except tarfile.TarError:
            places = [(File("", size), 0)] if size else []
        self.files: Sequence[File] = [file for file, _ in places]
        self._offsets = [offset for _, offset in places]
        ends = [0, *(offset + file.size for file, offset in places)]
        self._gaps = list(zip(ends, [*self._offsets, size], strict=True))

    def gaps(self) -> list[bytes]:
        """Return the headers."""
        with self._path.open("rb") as file:
            return [os.pread(file.fileno(), end - begin, begin) for begin, end in self._gaps]

    def read(self, index: int, offset: int, length: int) -> bytes:
        """Return a part of a file's contents."""
        with self._path.open("rb") as file:
            return os.pread(file.fileno(), length, self._offsets[index] + offset)


class Whole:
    """Another layer, seen as one file without headers."""

    def __init__(self, layer: Layer) -> None:
        """Take over its bytes, which are held in memory: it is for a layer that nobody expects."""
        contents = (layer.read(index, 0, file.size) for index, file in enumerate(layer.files))
        gaps = layer.gaps()
        self._data = gaps[0] + b"".join(part for pair in zip(contents, gaps[1:], strict=True) for part in pair)
        self.files: Sequence[File] = [File("", len(self._data))] if self._data else []

    def gaps(self) -> list[bytes]:
        """Return no headers."""
        return [b""] * (len(self.files) + 1)

    def read(self, _index: int, offset: int, length: int) -> bytes:
        """Return a part of the bytes."""
        return self._data[offset : offset + length]


def _places(path: Path) -> list[tuple[File, int]]:
    with tarfile.open(path, "r:") as tar:
        return [
            (File(member.name, member.size), member.offset_data)
            for member in tar
            if member.isreg() and member.size and not member.issparse()
        ]
