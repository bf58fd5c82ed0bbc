"""Make what the engine built depend on nothing but what was built: no dates, no names of containers.

A layer's times are clamped: what is younger than EPOCH gets it as its time; files of a base image mostly are older and
keep theirs. An image's config keeps what a container is made of, and the layers. EPOCH is one constant, not the
commit's time: that would change every layer with every commit.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

EPOCH = 1577836800
DATE = "2020-01-01T00:00:00Z"
PIECE = 1 << 20
BLOCK = 512
KEPT = (
    *("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal"),
    *("StopTimeout", "User", "Volumes", "WorkingDir"),
)


class Readable(Protocol):
    """What can be read."""

    def read(self, length: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


def clamp(tar: Readable) -> Iterator[bytes]:
    """Yield a layer's tar with its times clamped; what is no tar (any more) passes as it is.

    offset   0 name · 100 mode · 124 size · 136 mtime · 148 checksum · 156 type · 257 "ustar"      512 bytes, then
             the contents, padded to 512; those of types x and g are lines `<length> <key>=<value>` about the next entry
    """
    real_size: int | None = None
    while len(header := _exactly(tar, BLOCK)) == BLOCK and _is_header(header):
        yield _clamped(header)
        size = _number(header[124:136]) if real_size is None else real_size
        real_size = None
        padded = -(-size // BLOCK) * BLOCK
        if header[156:157] in b"xg":
            lines = _exactly(tar, padded)
            real_size = _pax_size(lines[:size])
            yield _clamp_pax(lines[:size]) + lines[size:]
            continue
        while padded and (piece := tar.read(min(PIECE, padded))):
            padded -= len(piece)
            yield piece
    yield header
    while piece := tar.read(PIECE):
        yield piece


def config(inspected: Mapping[str, Any], diff_ids: list[str]) -> bytes:
    """Return an image's config from what the engine tells of the image, with layers by their bare diff ids."""
    given = inspected.get("Config") or {}
    image = {
        "architecture": inspected["Architecture"],
        "config": {key: given[key] for key in KEPT if given.get(key)},
        "created": DATE,
        "os": inspected["Os"],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}" for diff_id in diff_ids]},
    }
    if inspected.get("Variant"):
        image["variant"] = inspected["Variant"]
    return json.dumps(image, sort_keys=True, separators=(",", ":")).encode()


def _exactly(tar: Readable, length: int) -> bytes:
    data = b""
    while len(data) < length and (piece := tar.read(length - len(data))):
        data += piece
    return data


def _is_header(block: bytes) -> bool:
    return any(block) and _number(block[148:156]) == sum(block) - sum(block[148:156]) + 8 * 0x20


def _number(field: bytes) -> int:
    """Read a number: octal digits, or (GNU, for large ones) bytes after a first of 0x80; -1 for none."""
    if field[0] & 0x80:
        return int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
    try:
        return int(field.strip(b" \0") or b"0", 8)
    except ValueError:
        return -1


def _clamped(header: bytes) -> bytes:
    # A time before 1970 is 0xff and a negative number.
    if header[136] == 0xFF or _number(header[136:148]) <= EPOCH:
        return header
    dated = header[:136] + b"%011o\0" % EPOCH + b" " * 8 + header[156:]
    return dated[:148] + b"%06o\0 " % sum(dated) + dated[156:]


def _pax(lines: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each line as it is, up to its value, and its value with the newline."""
    while lines:
        length = lines.partition(b" ")[0]
        end = int(length) if length.isdigit() and int(length) else len(lines)
        key, equals, value = lines[:end].partition(b"=")
        yield key + equals, value
        lines = lines[end:]


def _pax_size(lines: bytes) -> int | None:
    for key, value in _pax(lines):
        if key.endswith(b" size=") and value.strip().isdigit():
            return int(value)
    return None


def _clamp_pax(lines: bytes) -> bytes:
    """Clamp times with parts of a second in place: today's have as many digits as EPOCH."""
    out = b""
    for key, value in _pax(lines):
        if key.endswith((b" mtime=", b" atime=", b" ctime=")):
            whole, point, part = value.rstrip(b"\n").partition(b".")
            if len(whole) == 10 and whole.isdigit() and int(whole) >= EPOCH:
                value = b"%d" % EPOCH + point + b"0" * len(part) + b"\n"
        out += key + value
    return out
