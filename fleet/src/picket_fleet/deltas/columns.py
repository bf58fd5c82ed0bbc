"""A layer's headers as the delta has them: in columns, and next to those of its twin in the base."""

from collections.abc import Sequence
from itertools import chain, repeat

from picket_fleet.deltas.codec import Reader, numbers, signed
from picket_fleet.deltas.headers import Columns, IrregularError, blank
from picket_fleet.deltas.layers import Layer

NONE = Columns(b"", [], [], [])


def columns_of(layer: Layer) -> Columns:
    """Return a layer's columns; raises IrregularError."""
    return blank(layer.gaps(), [file.size for file in layer.files])


def columns_of_twin(layer: Layer | None) -> Columns:
    """Return a base layer's columns, as both sides come to them; none where they can't be had."""
    try:
        return columns_of(layer) if layer else NONE
    except IrregularError:
        return NONE


def columns_prefix(like: Columns) -> bytes:
    """Return what a layer's columns are compressed against."""
    return numbers(like.lengths + like.sizes) + like.headers


def time_steps(times: Sequence[int], like: Sequence[int]) -> bytes:
    """Write times as differences of differences to others: all alike are zeros."""
    out, last = [], 0
    for time, other in zip(times, _padded(like), strict=False):
        out.append(signed(time - other - last))
        last = time - other
    return b"".join(out)


def times_from(steps: bytes, like: Sequence[int]) -> list[int]:
    """Read what `time_steps` wrote."""
    reader, times, last = Reader(steps), [], 0
    for other in _padded(like):
        if reader.at_end:
            break
        last += reader.signed()
        times.append(other + last)
    return times


def _padded(like: Sequence[int]) -> "chain[int]":
    return chain(like, repeat(like[-1] if like else 0))
