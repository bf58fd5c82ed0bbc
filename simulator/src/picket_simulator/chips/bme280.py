"""The BME280: temperature, pressure, humidity (Bosch BST-BME280-DS002); as a BMP280 it has no humidity.

    write   register value [register value] ...      pairs: the pointer does not move on by itself
    read    value value ...                          from the pointer on

    88..A1  E1..E7    calibration, of this chip alone
    D0      id: 60, or 58 of a BMP280                E0  B6: reset
    F2      ctrl_hum   oversampling of humidity; takes effect with the next write of F4
    F3      status     8: measures    1: copies its calibration after a reset
    F4      ctrl_meas  oversampling of temperature (7..5) and pressure (4..2), mode (1, 0)
    F5      config     filter, standby
    F7..FE  pressure:20 ....  temperature:20 ....  humidity:16       80000 or 8000: not measured

Modes: 0 sleep, 1 and 2 forced (one measurement, then sleep), 3 normal (over and over).
"""

import math
import struct
from collections.abc import Callable

from picket_simulator.air import Air
from picket_simulator.chips import nack

CTRL_HUM, STATUS, CTRL_MEAS, CONFIG, DATA = 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
NAMES = {CTRL_HUM: "CTRL_HUM", STATUS: "STATUS", CTRL_MEAS: "CTRL_MEAS", CONFIG: "CONFIG"}
ID, RESET, RESET_WORD = 0xD0, 0xE0, 0xB6
MEASURES, COPIES = 0x08, 0x01
NOTHING = bytes.fromhex("8000008000008000")
START_SECONDS = 0.002
COPY_SECONDS = 0.001
STANDBY_SECONDS = (0.0005, 0.0625, 0.125, 0.25, 0.5, 1.0, 0.01, 0.02)
TIMES = (0, 1, 2, 4, 8, 16, 16, 16)  # an oversampling setting, and how often it measures

# The temperature's and the pressure's are those of Bosch's own example.
T = (27504, 26435, -1000)
P = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
H = (75, 370, 0, 313, 50, 30)


class Bme280:
    """A sensor in the air that `air(now)` tells of."""

    def __init__(self, air: Callable[[float], Air], chip_id: int = 0x60) -> None:
        """Power on at 0 s, long ago."""
        self._air = air
        self.chip_id = chip_id
        self.stuck_until = -math.inf
        self._started_at = -math.inf
        self._measures_until = math.inf
        self._reset()

    def power_cycle(self, now: float) -> None:
        """Forget the settings; it does not answer while it starts."""
        self._started_at = now + START_SECONDS
        self._reset()

    def general_call(self, _data: bytes, _now: float) -> bool:
        """Stay silent: the chip has no general call."""
        return False

    def write(self, data: bytes, now: float) -> None:
        """Set the pointer, and registers by pairs."""
        self._be_there(now)
        self.advance(now)
        for at in range(0, len(data), 2):
            self._pointer = data[at]
            if at + 1 < len(data):
                self._write_register(data[at], data[at + 1], now)

    def read(self, count: int, now: float) -> bytes:
        """Read from the pointer on."""
        self._be_there(now)
        self.advance(now)
        copies = COPIES if now < self._started_at + COPY_SECONDS else 0
        self.registers[STATUS] = (MEASURES if self._busy(now) else 0) | copies
        values = bytes(self.registers[(self._pointer + n) & 0xFF] for n in range(count))
        self._pointer = (self._pointer + count) & 0xFF
        return values

    def advance(self, now: float) -> None:
        """Finish the measurement that has ended by `now`."""
        if not self._measures_until <= now or now < self.stuck_until:
            return
        self.registers[DATA : DATA + 8] = self._codes(self._air(self._measures_until))
        if self.registers[CTRL_MEAS] & 3 == 3:
            period = self._seconds() + STANDBY_SECONDS[self.registers[CONFIG] >> 5]
            self._measures_until += period * (1 + int((now - self._measures_until) / period))
        else:
            self._measures_until = math.inf
            self.registers[CTRL_MEAS] &= ~3

    def _reset(self) -> None:
        self.registers = bytearray(256)
        self.registers[ID] = self.chip_id
        h1, h2, h3, h4, h5, h6 = H
        self.registers[0x88:0xA2] = struct.pack("<Hhh Hhhhhhhhh xB", *T, *P, h1)
        packed = (h4 >> 4 & 0xFF, (h5 & 0xF) << 4 | h4 & 0xF, h5 >> 4 & 0xFF)  # two of 12 bits share a byte
        self.registers[0xE1:0xE8] = struct.pack("<hB 3B b", h2, h3, *packed, h6)
        if not self._has_humidity:
            self.registers[0xA1] = 0
            self.registers[0xE1:0xE8] = bytes(7)
        self.registers[DATA : DATA + 8] = NOTHING
        self._pointer = 0
        self._humidity_setting = 0  # ctrl_hum as of the last write of ctrl_meas
        self._measures_until = math.inf

    @property
    def _has_humidity(self) -> bool:
        return self.chip_id == 0x60

    def _be_there(self, now: float) -> None:
        if now < self._started_at:
            raise nack()

    def _busy(self, now: float) -> bool:
        return now < self.stuck_until or (self._measures_until < math.inf and not self._stands_by(now))

    def _stands_by(self, now: float) -> bool:
        return now < self._measures_until - self._seconds()

    def _write_register(self, register: int, value: int, now: float) -> None:
        if register == RESET and value == RESET_WORD:
            self._reset()
            self._started_at = now + START_SECONDS
        elif register == CTRL_HUM and self._has_humidity:
            self.registers[CTRL_HUM] = value & 7
        elif register == CONFIG:
            self.registers[CONFIG] = value & 0xFD
        elif register == CTRL_MEAS:
            self.registers[CTRL_MEAS] = value
            self._humidity_setting = self.registers[CTRL_HUM]
            self._measures_until = now + self._seconds() if value & 3 else math.inf

    def _oversampling(self) -> tuple[int, int, int]:
        setting = self.registers[CTRL_MEAS]
        return TIMES[setting >> 5], TIMES[setting >> 2 & 7], TIMES[self._humidity_setting]

    def _seconds(self) -> float:
        """Return how long a measurement takes at the most; this chip takes all of it."""
        t, p, h = self._oversampling()
        return (1.25 + 2.3 * t + (2.3 * p + 0.575 if p else 0) + (2.3 * h + 0.575 if h else 0)) / 1000

    def _codes(self, air: Air) -> bytes:
        t, p, h = self._oversampling()
        if not t:
            return NOTHING  # without the temperature nothing else means anything
        fine = air.temperature_c * 5120
        pressure = pressure_code(air.pressure_hpa * 100, fine) if p else 0x80000
        humidity = humidity_code(air.humidity_percent, fine) if h else 0x8000
        return b"".join(
            (
                (pressure << 4).to_bytes(3, "big"),
                (temperature_code(fine) << 4).to_bytes(3, "big"),
                humidity.to_bytes(2, "big"),
            )
        )


# What the converter gives, from what there is: the datasheet's formulas solved for the code.


def temperature_code(fine: float) -> int:
    """Return the code of a temperature in 1/5120 degrees."""
    t1, t2, t3 = T
    return _clip(16384 * (_root(t3 / 64, t2, -fine) + t1 / 1024), 20)


def pressure_code(pascals: float, fine: float) -> int:
    """Return the code of a pressure at a temperature."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = P
    x = fine / 2 - 64000
    offset = (x * x * p6 / 32768 + x * p5 * 2) / 4 + p4 * 65536
    scale = (1 + (p3 * x * x / 524288 + p2 * x) / 524288 / 32768) * p1
    first = _root(p9 / 2**35, 1 + p8 / 2**19, p7 / 16 - pascals)
    return _clip(1048576 - first * scale / 6250 - offset / 4096, 20)


def humidity_code(percent: float, fine: float) -> int:
    """Return the code of a relative humidity at a temperature."""
    h1, h2, h3, h4, h5, h6 = H
    x = fine - 76800
    first = _root(-h1 / 524288, 1, -percent)
    scale = h2 / 65536 * (1 + h6 / 67108864 * x * (1 + h3 / 67108864 * x))
    return _clip(first / scale + h4 * 64 + h5 / 16384 * x, 16)


def _root(a: float, b: float, c: float) -> float:
    """Solve ax^2 + bx + c = 0 for the x nearest to that of bx + c = 0."""
    return -2 * c / (b + math.sqrt(b * b - 4 * a * c))


def _clip(code: float, bits: int) -> int:
    return min(max(round(code), 0), (1 << bits) - 1)
