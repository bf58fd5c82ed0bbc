"""The SGP30: two gas signals, by commands (Sensirion, datasheet of the SGP30).

    write   command:u16be  [word:u16be crc] ...
    read    word crc [word crc] ...          what the last command gave; not acknowledged before it is done

    2003 iaq_init 10 ms                      2061 set_humidity 10 ms   <- g/m3 in 1/256; 0: 11.57
    2008 measure_iaq 12 ms  -> eCO2 TVOC     2032 measure_test 220 ms  -> D400
    2015 get_baseline 10 ms -> eCO2 TVOC     202F feature_set 10 ms    -> 0022
    201E set_baseline 10 ms <- TVOC eCO2     2050 measure_raw 25 ms    -> H2 ethanol
                                             3682 serial 0.5 ms        -> 3 words

    CRC     polynomial 31, begun with FF; BE EF has 92
    reset   06 to the general call

It learns: after iaq_init it takes the air for cleaner than it is, ever less so over hours; for the first one its
baseline reads as zeros. A baseline that is set counts at once, however wrong: the two words interchanged give
60000 ppm, zeros 400.
"""

import math
import struct
from collections.abc import Callable
from enum import IntEnum

from picket_simulator.air import Air
from picket_simulator.chips import nack


class Command(IntEnum):
    """What the first two bytes ask for."""

    INIT = 0x2003
    MEASURE = 0x2008
    GET_BASELINE = 0x2015
    SET_BASELINE = 0x201E
    FEATURES = 0x202F
    TEST = 0x2032
    RAW = 0x2050
    SET_HUMIDITY = 0x2061
    SERIAL = 0x3682


MILLISECONDS = {Command.MEASURE: 12.0, Command.TEST: 220.0, Command.RAW: 25.0, Command.SERIAL: 0.5}  # others: 10
ARGUMENTS = {Command.SET_BASELINE: 2, Command.SET_HUMIDITY: 1}
WARM_UP_SECONDS = 15.0
UNKNOWN_SECONDS = 3600.0
LEARNING_SECONDS = 4 * 3600.0
BASELINE = (0x8973, 0x8AAE)  # eCO2, TVOC
PPM_A_COUNT = 200.0
LEAST_PPM, MOST_PPM, MOST_PPB = 400, 60000, 60000
DEFAULT_HUMIDITY = 0x0B92
GENERAL_CALL_RESET = 0x06


class Sgp30:
    """A sensor in the air that `air(now)` tells of."""

    def __init__(self, air: Callable[[float], Air], serial: int = 0x0000_0123_4567) -> None:
        """Power on at 0 s, long ago."""
        self._air = air
        self._serial = struct.unpack(">3H", serial.to_bytes(6, "big"))
        self._given: tuple[int, int] | None = None  # a baseline that was set does not change any more
        self.power_cycle(-1.0)

    def power_cycle(self, now: float) -> None:
        """Forget what was learned; it does not answer while it starts."""
        self.ready_at = now + 0.0006
        self.humidity = DEFAULT_HUMIDITY
        self.measured_at: list[float] = []  # the last ones; once a second, or it does not learn well
        self._begin(math.inf)
        self._output = b""

    def general_call(self, data: bytes, now: float) -> bool:
        """Reset, with all other chips that know that call."""
        if data[:1] != bytes([GENERAL_CALL_RESET]):
            return False
        self.power_cycle(now)
        return True

    def write(self, data: bytes, now: float) -> None:
        """Take a command; one that is unknown, spoiled or too early is not acknowledged."""
        code, arguments = int.from_bytes(data[:2], "big"), _words(data[2:])
        if now < self.ready_at or code not in set(Command):
            raise nack()
        command = Command(code)
        if len(arguments) != ARGUMENTS.get(command, 0):
            raise nack()
        self.ready_at = now + MILLISECONDS.get(command, 10.0) / 1000
        self._output = b"".join(word(one) for one in self._obey(command, arguments, now))

    def read(self, count: int, now: float) -> bytes:
        """Give the words of the last command."""
        if now < self.ready_at or not self._output:
            raise nack()
        return self._output[:count].ljust(count, b"\xff")

    def baseline(self, now: float) -> tuple[int, int]:
        """Return what it holds for clean air, as (eCO2, TVOC); zeros until it holds any."""
        if self._given:
            return self._given
        if now < self._begun_at + UNKNOWN_SECONDS:
            return 0, 0
        off = round(self._off(now))
        return BASELINE[0] + off, BASELINE[1] + off

    def _obey(self, command: Command, arguments: tuple[int, ...], now: float) -> tuple[int, ...]:
        match command:
            case Command.INIT:
                self._begin(now)
            case Command.MEASURE:
                self.measured_at = [*self.measured_at[-99:], now]
                return self._measure(now)
            case Command.GET_BASELINE:
                return self.baseline(now)
            case Command.SET_BASELINE:
                self._given = (arguments[1], arguments[0])
                self._off_counts = float(self._given[0] - BASELINE[0])
            case Command.SET_HUMIDITY:
                self.humidity = arguments[0] or DEFAULT_HUMIDITY
            case Command.TEST:
                self._begin(math.inf)  # it is for the factory: what was learned is lost
                return (0xD400,)
            case Command.FEATURES:
                return (0x0022,)
            case Command.RAW:
                return 13119, 18472
            case Command.SERIAL:
                return self._serial
        return ()

    def _begin(self, at: float) -> None:
        self._begun_at = at
        self._given = None
        self._off_counts = -0.5  # how far it is from the right one, at first

    def _off(self, now: float) -> float:
        return self._off_counts * math.exp(-(now - self._begun_at) / LEARNING_SECONDS)

    def _measure(self, now: float) -> tuple[int, int]:
        if now < self._begun_at + WARM_UP_SECONDS:
            return LEAST_PPM, 0
        air, off = self._air(now), self._off(now) * PPM_A_COUNT
        eco2 = max(LEAST_PPM, min(MOST_PPM, round(air.eco2_ppm + off)))
        return eco2, max(0, min(MOST_PPB, round(air.tvoc_ppb + off / 10)))


def word(value: int) -> bytes:
    """Return a word as it is sent."""
    data = struct.pack(">H", value)
    return data + bytes([crc(data)])


def crc(data: bytes) -> int:
    """Return the checksum of a word's two bytes."""
    value = 0xFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x131 if value & 0x80 else 0)) & 0xFF
    return value


def _words(data: bytes) -> tuple[int, ...]:
    """Return the words of a command's arguments; a wrong checksum is not acknowledged."""
    words = [data[at : at + 3] for at in range(0, len(data), 3)]
    if any(len(one) < 3 or crc(one[:2]) != one[2] for one in words):
        raise nack()
    return tuple(int.from_bytes(one[:2], "big") for one in words)
