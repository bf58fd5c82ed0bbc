"""Chips at register level: bytes in, bytes out, and the time of both as an argument."""

import errno
import os
from typing import Protocol


def nack() -> OSError:
    """Return the error that Linux gives when nobody acknowledges."""
    return OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))


class Chip(Protocol):
    """What stands at an address of the bus; `now` is in seconds and never goes back."""

    def write(self, data: bytes, now: float, /) -> None:
        """Take the bytes of one write message; its last bit falls at `now`."""

    def read(self, count: int, now: float, /) -> bytes:
        """Give the bytes of one read message."""

    def general_call(self, data: bytes, now: float, /) -> bool:
        """Take what was written to address 0x00; return whether the chip acknowledges it."""

    def power_cycle(self, now: float, /) -> None:
        """Lose the supply for a moment: every register is as after power-on."""
