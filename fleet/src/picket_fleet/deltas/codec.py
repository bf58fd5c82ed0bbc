"""Numbers, blobs, and zstd against a prefix (what `zstd --patch-from` does)."""

import hashlib
from collections.abc import Iterable

from picket_fleet.errors import DeltaError
from picket_fleet.zstandard import zstd

LEVEL = 19
MAGIC = bytes.fromhex("28b52ffd")  # of every zstd frame
DCZ_MAGIC = bytes.fromhex("5e2a4d1820000000")
WINDOW_LOG_MAX = 27
SHORTEST_PREFIX = 9  # zstd takes less for no prefix at all
MAX_BLOB_BYTES = 256 << 20


def compress(data: bytes, prefix: bytes = b"", level: int = LEVEL) -> bytes:
    """Return a zstd frame of `data`, which may refer to `prefix`; nothing for nothing."""
    if not data:
        return b""
    parameter = zstd.CompressionParameter
    window_log = (len(data) + len(prefix) + 1024).bit_length()
    options: dict[int, int] = {
        parameter.compression_level: level,
        parameter.window_log: max(10, min(WINDOW_LOG_MAX, window_log)),
        parameter.checksum_flag: 0,  # what is made of it has a sha256
        parameter.content_size_flag: 1,
        parameter.dict_id_flag: 0,
    }
    return zstd.compress(data, options=options, zstd_dict=_as_prefix(prefix))


def decompress(frame: bytes, prefix: bytes = b"", most: int = MAX_BLOB_BYTES) -> bytes:
    """Return what a frame holds; raises DeltaError for no frame, and for one of more than `most` bytes."""
    if not frame:
        return b""
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG_MAX}
    try:
        size = zstd.get_frame_info(frame).decompressed_size
        if size is None or size > most:
            raise DeltaError(f"a frame of {size} bytes, where at most {most} are expected")
        unpacker = zstd.ZstdDecompressor(zstd_dict=_as_prefix(prefix), options=options)
        data = unpacker.decompress(frame, max_length=size + 1)
        if not unpacker.eof or unpacker.unused_data:  # a second frame could be of any size
            raise DeltaError("more or less than one frame")
        return data
    except (zstd.ZstdError, ValueError, MemoryError) as error:
        raise DeltaError(f"no zstd frame: {error}") from None


def dcz(body: bytes, dictionary: bytes) -> bytes:
    """Compress against a dictionary that the reader has, which is named by its sha256 (RFC 9842)."""
    return DCZ_MAGIC + hashlib.sha256(dictionary).digest() + compress(body, dictionary)


def _as_prefix(prefix: bytes) -> "tuple[zstd.ZstdDict, int] | None":
    return zstd.ZstdDict(prefix, is_raw=True).as_prefix if len(prefix) >= SHORTEST_PREFIX else None


def number(value: int) -> bytes:
    """Write a number that is not negative."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def numbers(values: Iterable[int]) -> bytes:
    """Write numbers one after the other."""
    return b"".join(map(number, values))


def signed(value: int) -> bytes:
    """Write a number that may be negative (zigzag)."""
    return number(value << 1 if value >= 0 else (-value << 1) - 1)


def blob(data: bytes) -> bytes:
    """Write bytes after their length."""
    return number(len(data)) + data


def packed(data: bytes, prefix: bytes = b"") -> bytes:
    """Write bytes compressed, as a blob without zstd's magic."""
    return blob(compress(data, prefix).removeprefix(MAGIC))


class Reader:
    """Reads what was written, from the front; every method raises DeltaError at an early end."""

    def __init__(self, data: bytes) -> None:
        """Begin at the front."""
        self._data = data
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Tell whether all is read."""
        return self._at >= len(self._data)

    def take(self, length: int) -> bytes:
        """Read so many bytes."""
        part = self._data[self._at : self._at + length]
        if len(part) != length:
            raise DeltaError("it ends too early")
        self._at += length
        return part

    def number(self) -> int:
        """Read a number."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise DeltaError("a number that is too large")

    def signed(self) -> int:
        """Read a number that may be negative."""
        value = self.number()
        return value >> 1 if not value & 1 else -((value + 1) >> 1)

    def rest(self) -> bytes:
        """Read all that is left."""
        return self.take(len(self._data) - self._at)

    def blob(self) -> bytes:
        """Read bytes after their length."""
        return self.take(self.number())

    def packed(self, prefix: bytes = b"", most: int = MAX_BLOB_BYTES) -> bytes:
        """Read what `packed` wrote."""
        frame = self.blob()
        return decompress(MAGIC + frame, prefix, most) if frame else b""
