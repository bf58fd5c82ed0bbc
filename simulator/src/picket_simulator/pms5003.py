"""The PMS5003 dust sensor (Plantower), byte by byte; all numbers are big-endian.

    data     42 4D 00 1C  factory:3*u16  air:3*u16  counts:6*u16  version error  sum:u16     ug/m3, and 1/0.1 l
    command  42 4D  cmd 00 value  sum:u16
    ack      42 4D 00 04  cmd value  sum:u16

    cmd   E1 mode: 0 passive, 1 active    E2 read, when passive: answered by data    E4 work: 0 sleep, 1 wake
    sum   of all bytes before it

Asleep it hears only wake, which it does not acknowledge; it wakes, and powers up, in active mode. What it sends first
after it woke is garbage, and a fan takes some seconds, in which it counts nothing.
"""

import struct
from enum import IntEnum

from picket_simulator.serial_commands import Commands

COMMAND_SIZE = 7
DATA_SECONDS = 0.8
SPIN_UP_SECONDS = 3.0
VERSION = 0x97
WAKE_GARBAGE = bytes.fromhex("00 f8 42 fe")


class Command(IntEnum):
    """What the third byte of a command asks for."""

    MODE = 0xE1
    READ = 0xE2
    WORK = 0xE4


class Pms5003:
    """A sensor that measures what `pm1`, `pm25` and `pm10` say, in ug/m3, and `counts`, in 1/0.1 l."""

    def __init__(self) -> None:
        """Plug it in."""
        self.pm1, self.pm25, self.pm10 = 6, 9, 11
        self.counts = (1230, 354, 68, 8, 2, 1)  # above 0.3, 0.5, 1, 2.5, 5 and 10 um
        self.acknowledges_late = False  # an ack then comes with what is sent next
        self.wake_garbage = WAKE_GARBAGE
        self.spin_up_seconds = SPIN_UP_SECONDS
        self._commands = Commands(b"BM", COMMAND_SIZE, _is_right)
        self.power_cycle(0.0)

    def power_cycle(self, now: float) -> None:
        """Start again: nothing of its state is kept."""
        self.awake = True
        self.passive = False
        self._commands.forget()
        self._late = b""
        self._spun_up_at = now + self.spin_up_seconds
        self._data_at = now + DATA_SECONDS

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the host and return those of the answers."""
        return b"".join(self._obey(command[2], command[4], now) for command in self._commands.feed(data))

    def tick(self, now: float) -> bytes:
        """Return the data that are due in active mode."""
        if not self.awake or self.passive or now < self._data_at:
            return b""
        self._data_at = max(self._data_at + DATA_SECONDS, now)
        return self._data(now)

    def _obey(self, kind: int, value: int, now: float) -> bytes:
        if not self.awake:
            return self._wake(now) if (kind, value) == (Command.WORK, 1) else b""
        match kind, value:
            case Command.MODE, (0 | 1):
                self.passive = not value
                self._data_at = now + DATA_SECONDS
                return self._acknowledge(kind, value)
            case Command.READ, _ if self.passive:
                return self._data(now)
            case Command.WORK, 0:
                self.awake = False
                return self._acknowledge(kind, value)
            case _:
                return b""

    def _wake(self, now: float) -> bytes:
        self.power_cycle(now)
        return self.wake_garbage

    def _acknowledge(self, kind: int, value: int) -> bytes:
        ack = _frame(struct.pack(">HBB", 4, kind, value))
        if self.acknowledges_late:
            self._late += ack
            return b""
        return ack

    def _data(self, now: float) -> bytes:
        values = (self.pm1, self.pm25, self.pm10) * 2 + self.counts if now >= self._spun_up_at else (0,) * 12
        late, self._late = self._late, b""
        return late + _frame(struct.pack(">H12HBB", 28, *values, VERSION, 0))


def _is_right(command: bytes) -> bool:
    return struct.unpack(">H", command[5:]) == (sum(command[:5]),)


def _frame(body: bytes) -> bytes:
    return b"BM" + body + struct.pack(">H", sum(b"BM" + body))
