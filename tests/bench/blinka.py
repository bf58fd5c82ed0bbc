"""Run a module on Adafruit's libraries with their I2C bus replaced by ours: `python blinka.py sim://... MODULE ...`.

Stands in for Blinka, which looks for a real board: the modules that `adafruit_mcp230xx` imports, and nothing more.
It runs in the environment of whom it hosts.
"""

import runpy
import sys
import threading
from enum import Enum
from types import ModuleType
from typing import Any

from picket.i2c import READ, SimBus


class I2C:
    """`busio.I2C`: whole transfers, on the bus that is named by `address`."""

    address = ""

    def __init__(self, _scl: object, _sda: object) -> None:
        """Dial."""
        self._bus = SimBus(self.address)
        self._lock = threading.Lock()

    def try_lock(self) -> bool:
        """Take the bus for a transfer."""
        return self._lock.acquire(blocking=False)

    def unlock(self) -> None:
        """Let others use the bus."""
        self._lock.release()

    def writeto(self, address: int, data: bytes, *, start: int = 0, end: int | None = None) -> None:
        """Write a part of `data`."""
        self._bus.transfer([(address, 0, bytes(data[start:end]))])

    def readfrom_into(self, address: int, into: Any, *, start: int = 0, end: int | None = None) -> None:
        """Fill a part of `into`."""
        into[start:end] = self._bus.transfer([(address, READ, len(into[start:end]))])

    def writeto_then_readfrom(
        self,
        address: int,
        data: bytes,
        into: Any,
        *,
        out_start: int = 0,
        out_end: int | None = None,
        in_start: int = 0,
        in_end: int | None = None,
    ) -> None:
        """Write, then read without letting go of the bus."""
        count = len(into[in_start:in_end])
        into[in_start:in_end] = self._bus.transfer(
            [(address, 0, bytes(data[out_start:out_end])), (address, READ, count)]
        )


def stand_in(name: str, **members: Any) -> None:
    """Have `import name` find these."""
    module = ModuleType(name)
    module.__dict__.update(members)
    sys.modules[name] = module


if __name__ == "__main__":
    I2C.address = sys.argv[1]
    stand_in("board", SCL=None, SDA=None)
    stand_in("busio", I2C=I2C, SPI=object)
    stand_in("circuitpython_typing", ReadableBuffer=bytes, WriteableBuffer=bytearray)
    stand_in("micropython", const=int)
    stand_in(
        "digitalio",
        Direction=Enum("Direction", ["INPUT", "OUTPUT"]),
        Pull=Enum("Pull", ["UP", "DOWN"]),
        DigitalInOut=object,
    )
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
