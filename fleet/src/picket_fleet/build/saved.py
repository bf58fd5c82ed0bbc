"""The layers in what `docker save` writes, as a stream.

up to Docker 24    <id>/layer.tar, plain; one that several images have is a link all but once
since              blobs/sha256/<digest>, among other blobs; compressed where containerd keeps the images
"""

import gzip
import re
import tarfile
from collections.abc import Iterator
from typing import IO, Any, cast

from picket_fleet.build.normalise import Readable
from picket_fleet.zstandard import zstd

LAYER = re.compile(r"[^/]+/layer\.tar|blobs/sha256/[0-9a-f]{64}")
GZIP, ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"


def layers_of_saved(stream: IO[bytes]) -> Iterator[Readable]:
    """Yield what may be a layer, unpacked; each is to be read before the next one."""
    with tarfile.open(fileobj=stream, mode="r|") as saved:
        for member in saved:
            if member.isreg() and LAYER.fullmatch(member.name):
                yield unpacked(cast(IO[bytes], saved.extractfile(member)))


def unpacked(packed: IO[bytes]) -> Readable:
    """Return a stream unpacked, if it is packed."""
    stream = _Peeked(packed)
    if stream.begin.startswith(GZIP):
        return gzip.GzipFile(fileobj=cast(Any, stream))
    if stream.begin.startswith(ZSTD):
        return cast(Readable, zstd.ZstdFile(cast(Any, stream)))
    return stream


class _Peeked:
    """A stream whose first bytes are known."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.begin = self._rest = stream.read(4)

    def read(self, length: int = -1, /) -> bytes:
        if self._rest:
            begin, self._rest = (
                self._rest[: length if length >= 0 else None],
                b"" if length < 0 else self._rest[length:],
            )
            return begin if length >= 0 else begin + self._stream.read()
        return self._stream.read(length)
