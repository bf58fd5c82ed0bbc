"""An I2C bus of simulated chips: who answers at which address, and what a transfer costs in time.

transfer   S addr+W ACK data ACK ...  Sr addr+R ACK data ACK ...  P
bits       1      9        9 each      1      9        9 each     1
"""

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

from picket.i2c import READ, MessageBus
from picket_simulator.chips import Chip, nack
from picket_simulator.chips.bme280 import Bme280
from picket_simulator.chips.mcp3424 import Mcp3424

GENERAL_CALL = 0x00
FAULTS = ("nack", "stuck", "brownout", "clear")
FOREVER = float("inf")
AWAKE_SECONDS = 100e-6


class Clock(Protocol):
    """What the bus takes its time from, in seconds."""

    def now(self) -> float:
        """Tell the time; it never goes back."""

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""


class VirtualClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self, now: float = 0.0) -> None:
        """Start at `now`."""
        self._now = now

    def now(self) -> float:
        """Tell the time."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move the time on, at once."""
        self._now += max(0.0, seconds)


class MonotonicClock:
    """The machine's own monotonic clock, exact enough for a bus: some 10 us."""

    def now(self) -> float:
        """Tell the time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, the last moment awake: the kernel alone is late by as much as a transfer takes."""
        end = time.monotonic() + seconds
        if seconds > AWAKE_SECONDS:
            time.sleep(seconds - AWAKE_SECONDS)
        while time.monotonic() < end:
            pass


class Bus(MessageBus):
    """Chips by address; the drivers' smbus2 methods come from MessageBus."""

    def __init__(
        self,
        chips: Mapping[int, Chip],
        clock: Clock | None = None,
        bus_hertz: int = 100_000,
        overhead_seconds: float = 0.0,
    ) -> None:
        """Join the chips; `overhead_seconds` is the software's share of each transfer on a real host."""
        self.chips = dict(chips)
        self.clock = clock or MonotonicClock()
        self._bit_seconds = 1 / bus_hertz
        self._overhead_seconds = overhead_seconds
        self._nack_until: dict[int, float] = {}
        self._lock = threading.Lock()

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        """Carry the messages in one go; raises OSError (EREMOTEIO) where nobody acknowledges."""
        with self._lock:
            at = self.clock.now()
            read = b""
            try:
                for address, flags, data in messages:
                    at += 10 * self._bit_seconds
                    if flags & READ and isinstance(data, int):
                        read += self._chip(address, at).read(data, at)
                        at += 9 * data * self._bit_seconds
                    elif isinstance(data, bytes):
                        at += 9 * len(data) * self._bit_seconds
                        self._write(address, data, at)
                return read
            finally:
                # The time this took to compute is part of the bus's own.
                self.clock.sleep(at + self._bit_seconds + self._overhead_seconds - self.clock.now())

    @contextmanager
    def held(self) -> Iterator[float]:
        """Keep transfers waiting, to look at the chips or change them; gives the time."""
        with self._lock:
            yield self.clock.now()

    def close(self) -> None:
        """Do nothing: the chips outlive whoever talks to them."""

    def fault(self, address: int, kind: str, seconds: float = FOREVER) -> None:
        """Let a chip nack, be stuck (one that converts), brown out (at once), or clear it; raises ValueError."""
        chip = self.chips.get(address)
        if chip is None:
            raise ValueError(f"expected one of {', '.join(map(hex, self.chips))}, got {address:#x}")
        with self.held() as now:
            if kind == "nack":
                self._nack_until[address] = now + seconds
            elif kind == "stuck" and isinstance(chip, Mcp3424 | Bme280):
                chip.stuck_until = now + seconds
            elif kind == "brownout":
                chip.power_cycle(now)
            elif kind == "clear":
                self._nack_until.pop(address, None)
                if isinstance(chip, Mcp3424 | Bme280):
                    chip.stuck_until = now
            else:
                raise ValueError(
                    f"expected a fault of {', '.join(FAULTS)} (stuck: only an MCP3424 or a BME280), got {kind}"
                )

    def _chip(self, address: int, now: float) -> Chip:
        chip = self.chips.get(address)
        if chip is None or now < self._nack_until.get(address, now):
            raise nack()
        return chip

    def _write(self, address: int, data: bytes, now: float) -> None:
        if address != GENERAL_CALL:
            self._chip(address, now).write(data, now)
            return
        heard = [
            chip.general_call(data, now) for at, chip in self.chips.items() if now >= self._nack_until.get(at, now)
        ]
        if not any(heard):
            raise nack()
