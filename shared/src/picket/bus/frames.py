"""Several frames in one: what the hub sends to a DEALER.

A DEALER of ours holds nothing for a hub that is away (ZMQ_IMMEDIATE). When the hub goes, such a socket ends its pipe at
once, and libzmq aborts the process ("Assertion failed: !_more") if it was just then between two frames of a message. So
no message to it has two.

    count, then the length of each (big-endian u32), then the frames
"""

import struct
from collections.abc import Sequence

from picket.errors import WireError


def join(frames: Sequence[bytes]) -> bytes:
    """Write frames as one."""
    return struct.pack(f"!I{len(frames)}I", len(frames), *map(len, frames)) + b"".join(frames)


def split(data: bytes) -> list[bytes]:
    """Read what `join` wrote; raises WireError for anything else."""
    try:
        (count,) = struct.unpack_from("!I", data)
        lengths = struct.unpack_from(f"!{count}I", data, 4) if count <= len(data) // 4 else ()
    except struct.error:
        raise WireError("no frames") from None
    at = 4 + 4 * count
    if len(lengths) != count or at + sum(lengths) != len(data):
        raise WireError("no frames")
    frames = []
    for length in lengths:
        frames.append(data[at : at + length])
        at += length
    return frames
