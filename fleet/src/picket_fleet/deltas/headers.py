"""Lift the times out of tar headers: they change all at once, and with each of them its header's checksum.

offset  124..136  size     octal, or base 256 with the top bit set
        136..148  mtime    "%011o" NUL      } these 20 bytes are blanked
        148..156  checksum "%06o" NUL space }
        156       type
        257..262  "ustar"
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from picket_fleet.errors import DeltaError

BLOCK = 512
SIZE, TIME, CHECKSUM, BLANKED = slice(124, 136), slice(136, 148), slice(148, 156), slice(136, 156)
TYPE = slice(156, 157)
MAGIC = slice(257, 262)
BLANK = b"M" * 20
WITH_DATA_IN_THE_GAP = (b"x", b"g", b"L", b"K")  # extended headers and long names
LATEST = 1 << 33  # what eleven octal digits hold


class IrregularError(ValueError):
    """Headers that could not be put together again."""


class Columns(NamedTuple):
    """Headers without times: all gaps in one, how long each is and the contents after it, and the times in order."""

    headers: bytes
    lengths: list[int]  # one more than sizes
    sizes: list[int]
    times: list[int]


def blank(gaps: Sequence[bytes], sizes: Sequence[int]) -> Columns:
    """Take the times out; raises IrregularError for headers that `fill` would not give back as they are."""
    headers = bytearray().join(gaps)
    lengths = [len(gap) for gap in gaps]
    del gaps
    times: list[int] = []
    for at in _blocks(headers, lengths, sizes):
        if headers[at + BLANKED.start : at + BLANKED.stop] == BLANK:
            raise IrregularError("a header that looks blanked")
        time = _time_of(headers[at : at + BLOCK])
        if time is not None:
            times.append(time)
            headers[at + BLANKED.start : at + BLANKED.stop] = BLANK
    return Columns(bytes(headers), lengths, list(sizes), times)


def fill(columns: Columns) -> Iterator[bytes]:
    """Put the times back, make the checksums, and yield the gaps; raises DeltaError when the times do not suffice."""
    headers, lengths, sizes, times = bytearray(columns.headers), columns.lengths, columns.sizes, iter(columns.times)
    del columns  # this goes on for as long as the layer does
    for at in _blocks(headers, lengths, sizes):
        if headers[at + BLANKED.start : at + BLANKED.stop] == BLANK:
            time = next(times, -1)
            if not 0 <= time < LATEST:
                raise DeltaError("the times do not fit the headers")
            headers[at + TIME.start : at + TIME.stop] = b"%011o\0" % time
            headers[at + CHECKSUM.start : at + CHECKSUM.stop] = b" " * 8
            headers[at + CHECKSUM.start : at + CHECKSUM.stop] = b"%06o\0 " % sum(headers[at : at + BLOCK])
    begin = 0
    for length in lengths:
        yield bytes(headers[begin : begin + length])
        begin += length


def _blocks(headers: bytearray, lengths: Sequence[int], sizes: Sequence[int]) -> Iterator[int]:
    """Yield where each header begins; the padding of contents to whole blocks stands at the begin of the next gap."""
    begin = 0
    for length, size_before in zip(lengths, [0, *sizes], strict=True):
        end = begin + length
        at = begin + -size_before % BLOCK
        while at + BLOCK <= end:
            yield at
            block = headers[at : at + BLOCK]
            at += BLOCK
            if block[MAGIC] == b"ustar" and block[TYPE] in WITH_DATA_IN_THE_GAP:
                at += -(-max(0, _number(block[SIZE])) // BLOCK) * BLOCK
        begin = end


def _time_of(block: bytearray) -> int | None:
    """Return the time of a header that can be made again from it; None for anything else."""
    time = _number(block[TIME])
    if block[MAGIC] != b"ustar" or time < 0 or block[TIME] != b"%011o\0" % time:
        return None
    total = sum(block) - sum(block[CHECKSUM]) + 8 * ord(" ")
    return time if block[CHECKSUM] == b"%06o\0 " % total else None


def _number(field: bytes | bytearray) -> int:
    """Read an octal or base 256 field; -1 for what is neither."""
    if field[:1] and field[0] & 0x80:
        return int.from_bytes(field[1:], "big")
    try:
        return int(bytes(field).rstrip(b" \0") or b"0", 8)
    except ValueError:
        return -1
