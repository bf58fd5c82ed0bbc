"""The SDS011 dust sensor (Nova Fitness, control protocol V1.3), byte by byte.

    report   AA C0  pm2.5:u16le  pm10:u16le  id:2  sum AB           in 0.1 ug/m3
    command  AA B4  cmd write value 0 ... 0 (13 bytes)  id:2  sum AB   id FF FF: whoever hears it
    reply    AA C5  cmd write value 0  id:2  sum AB

    cmd   02 report mode: 0 active, 1 by query     04 query: answered by a report
          05 set id: the new one in bytes 11, 12   06 work: 0 sleep, 1 wake
          07 firmware: year month day              08 work period: 0 continuous, n: 30 s of every n minutes
    sum   of the bytes from the third to before it

Mode, period and id outlive a loss of power. Asleep, or in the pause of its period, it hears only wake.
"""

import struct
from enum import IntEnum

from picket_simulator.serial_commands import Commands

COMMAND_SIZE = 19
EVERYBODY = 0xFFFF
REPORT_SECONDS = 1.0
WORK_SECONDS = 30.0


class Command(IntEnum):
    """What the third byte of a command asks for."""

    MODE = 0x02
    QUERY = 0x04
    SET_ID = 0x05
    WORK = 0x06
    FIRMWARE = 0x07
    PERIOD = 0x08


class Sds011:
    """A sensor that measures what `pm25` and `pm10` say, in ug/m3."""

    def __init__(self, device_id: int = 0x58D9) -> None:
        """Plug it in, with the settings of the factory: active, continuous."""
        self.pm25, self.pm10 = 8.5, 14.2
        self.firmware = (18, 11, 16)
        self.device_id = device_id
        self.by_query = False
        self.period_minutes = 0
        self._commands = Commands(b"\xaa\xb4", COMMAND_SIZE, _is_right)
        self.power_cycle(0.0)

    def power_cycle(self, now: float) -> None:
        """Start again; mode, period and id are kept."""
        self.awake = True
        self._commands.forget()
        self._begin(now)

    def working(self, now: float) -> bool:
        """Tell whether the fan and the laser run."""
        pausing = self.period_minutes and (now - self._woke_at) % (60 * self.period_minutes) >= WORK_SECONDS
        return self.awake and not pausing

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the host and return those of the replies."""
        return b"".join(self._obey(command, now) for command in self._commands.feed(data))

    def tick(self, now: float) -> bytes:
        """Return the report that is due, about one a second in active mode."""
        if self.by_query or not self.working(now):
            self._report_at = now + REPORT_SECONDS
        elif now >= self._report_at:
            self._report_at = max(self._report_at + REPORT_SECONDS, now)
            return self._report()
        return b""

    def _obey(self, command: bytes, now: float) -> bytes:
        _, _, kind, write, value, *_ = command
        (addressee,) = struct.unpack(">H", command[15:17])
        if addressee not in (EVERYBODY, self.device_id):
            return b""
        if not self.working(now) and (kind, write, value) != (Command.WORK, 1, 1):
            return b""
        match kind:
            case Command.MODE:
                self.by_query = bool(value) if write else self.by_query
                return self._reply(kind, write, self.by_query)
            case Command.QUERY:
                return self._report()
            case Command.SET_ID:
                (self.device_id,) = struct.unpack(">H", command[13:15])
                return self._reply(kind)
            case Command.WORK:
                if write:
                    self.awake = bool(value)
                    self._begin(now)
                return self._reply(kind, write, self.awake)
            case Command.FIRMWARE:
                return self._reply(kind, *self.firmware)
            case Command.PERIOD:
                if write:
                    self.period_minutes = value
                    self._begin(now)
                return self._reply(kind, write, self.period_minutes)
            case _:
                return b""

    def _begin(self, now: float) -> None:
        self._woke_at = now
        self._report_at = now + REPORT_SECONDS

    def _report(self) -> bytes:
        return self._frame(0xC0, struct.pack("<HH", round(self.pm25 * 10), round(self.pm10 * 10)))

    def _reply(self, *values: int) -> bytes:
        return self._frame(0xC5, bytes(values).ljust(4, b"\0"))

    def _frame(self, kind: int, values: bytes) -> bytes:
        body = values + struct.pack(">H", self.device_id)
        return bytes([0xAA, kind]) + body + bytes([sum(body) & 0xFF, 0xAB])


def _is_right(command: bytes) -> bool:
    return command[-1] == 0xAB and command[-2] == sum(command[2:-2]) & 0xFF
