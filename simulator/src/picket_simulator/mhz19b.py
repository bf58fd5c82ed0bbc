"""The MH-Z19B CO2 sensor (Winsen), byte by byte.

    command  FF 01  cmd  value:5                ck
    answer   FF cmd ppm:u16be t status 0 0      ck     t: degrees Celsius + 40
             FF cmd 0 0 range:u16be 0 0         ck
             FF cmd 0 0 0 0 0 abc               ck

    cmd   86 read    79 ABC: A0 on, 00 off    99 range, in the last two bytes of the value
          9B which range    7D whether ABC: answered by newer firmware only
    ck    what makes the sum from the second byte on a multiple of 256

Range and ABC outlive a loss of power. For three minutes from power-up it says anything but what it measures.
"""

from enum import IntEnum

from picket_simulator.serial_commands import Commands

COMMAND_SIZE = 9
WARM_UP_SECONDS = 180.0
WARM_UP_PPM = (0, 400, 410, 500, 0x184, 0x22B)
ABC_ON = 0xA0


class Command(IntEnum):
    """What the third byte of a command asks for."""

    ABC = 0x79
    GET_ABC = 0x7D
    READ = 0x86
    RANGE = 0x99
    GET_RANGE = 0x9B


class Mhz19b:
    """A sensor in air of `ppm` and, inside, of `temperature` degrees Celsius."""

    def __init__(self, warm_up_seconds: float = WARM_UP_SECONDS) -> None:
        """Plug it in, with the settings of the factory."""
        self.ppm, self.temperature = 636, 26
        self.range_ppm = 5000
        self.abc = True
        self.tells_settings = True  # old firmware does not
        self.confirms_orders = False  # some firmware does
        self.warm_up_seconds = warm_up_seconds
        self._commands = Commands(b"\xff\x01", COMMAND_SIZE, _is_right)
        self.power_cycle(0.0)

    def power_cycle(self, now: float) -> None:
        """Start again, and warm up again; range and ABC are kept."""
        self._commands.forget()
        self._powered_at = now

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the host and return those of the answers."""
        return b"".join(self._obey(command[2], command[3:8], now) for command in self._commands.feed(data))

    def tick(self, _now: float) -> bytes:
        """Return nothing: it speaks only when it is asked."""
        return b""

    def _obey(self, kind: int, value: bytes, now: float) -> bytes:
        match kind:
            case Command.READ:
                return _answer(kind, *self._ppm(now).to_bytes(2, "big"), self.temperature + 40)
            case Command.ABC:
                self.abc = value[0] == ABC_ON
                return _answer(kind, 1) if self.confirms_orders else b""
            case Command.RANGE:
                self.range_ppm = int.from_bytes(value[3:], "big")
                return _answer(kind, 1) if self.confirms_orders else b""
            case Command.GET_RANGE if self.tells_settings:
                return _answer(kind, 0, 0, *self.range_ppm.to_bytes(2, "big"))
            case Command.GET_ABC if self.tells_settings:
                return _answer(kind, 0, 0, 0, 0, 0, self.abc)
            case _:
                return b""

    def _ppm(self, now: float) -> int:
        powered = now - self._powered_at
        if powered < self.warm_up_seconds:
            return WARM_UP_PPM[int(powered) % len(WARM_UP_PPM)]
        return min(self.ppm, self.range_ppm)


def _is_right(command: bytes) -> bool:
    return sum(command[1:]) & 0xFF == 0


def _answer(kind: int, *values: int) -> bytes:
    body = bytes([kind, *values]).ljust(7, b"\0")
    return b"\xff" + body + bytes([-sum(body) & 0xFF])
