"""Read the layers of an engine's images where they lie (Docker's overlay2): no copy of an image is written.

    <root>/image/overlay2/layerdb/sha256/<chain id>/cache-id             names the folder of the layer's files
    <root>/image/overlay2/layerdb/sha256/<chain id>/tar-split.json.gz    a JSON line an entry of the layer's tar:
        {"type": 2, "payload": base64}                    bytes of the tar as they are
        {"type": 1, "name" | "name_raw": .., "size": ..}  the contents of a file of the folder
    <root>/overlay2/<cache id>/diff                                      the files

It is the engine's internal format, which every Docker up to 28 with the overlay2 driver writes.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from picket_fleet.deltas.layers import File

FILE, BYTES = 1, 2


class Entry(msgspec.Struct, frozen=True):
    """A line of tar-split.json."""

    type: int
    name: str = ""
    name_raw: bytes = b""
    size: int = 0
    payload: bytes | None = None  # of a file: its CRC64, where it has contents


class OverlayLayer:
    """A layer of the engine whose data is in `root`."""

    def __init__(self, root: Path, chain_id: str) -> None:
        """Read what files there are; raises OSError when the engine has no such layer."""
        self._database = root / "image/overlay2/layerdb/sha256" / chain_id
        self._folder = root / "overlay2" / (self._database / "cache-id").read_text() / "diff"
        self.files: Sequence[File] = [File(_name(entry), entry.size) for entry in self._entries() if entry.type == FILE]

    def gaps(self) -> list[bytes]:
        """Return the headers."""
        gaps: list[bytes] = []
        gap = bytearray()
        for entry in self._entries():
            if entry.type == FILE:
                gaps.append(bytes(gap))
                gap.clear()
            else:
                gap += entry.payload or b""
        return [*gaps, bytes(gap)]

    def read(self, index: int, offset: int, length: int) -> bytes:
        """Return a part of a file's contents."""
        with (self._folder / self.files[index].name.lstrip("/")).open("rb") as file:
            file.seek(offset)
            return file.read(length)

    def _entries(self) -> Iterator[Entry]:
        """Yield the entries, but those of files without contents; raises OSError where they can't be read."""
        decoder = msgspec.json.Decoder(Entry)
        try:
            with gzip.open(self._database / "tar-split.json.gz") as lines:
                for line in lines:
                    entry = decoder.decode(line)
                    if entry.type == BYTES or entry.size:
                        yield entry
        except (EOFError, zlib.error, msgspec.MsgspecError) as error:
            raise OSError(f"{self._database.name[:12]}: its entries are damaged ({type(error).__name__})") from None


def chain_ids(diff_ids: Sequence[str]) -> list[str]:
    """Return what the engine calls each layer: a digest of its own and of all below it (OCI image spec, "ChainID")."""
    chain: list[str] = []
    for diff_id in diff_ids:
        if chain:
            diff_id = hashlib.sha256(f"sha256:{chain[-1]} sha256:{diff_id}".encode()).hexdigest()
        chain.append(diff_id)
    return chain


def _name(entry: Entry) -> str:
    return entry.name or entry.name_raw.decode(errors="surrogateescape")
