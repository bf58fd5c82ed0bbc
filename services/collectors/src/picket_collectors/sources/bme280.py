"""The Bosch BME280: temperature, humidity and pressure, by I2C.

    88..A1, E1..E7   calibration: T1:u16 T2 T3  P1:u16 P2..P9  -:8 H1:u8     H2 H3:u8 H4:12 H5:12 H6:s8, little-endian
                     E4 = H4 >> 4    E5 = low nibbles of H5, H4    E6 = H5 >> 4
    D0  id           60; a BMP280 (58) is sold as one, and has no humidity
    E0  reset        B6
    F2  ctrl_hum     oversampling of humidity: 1 = once; takes effect with the next write of F4
    F3  status       8 = measures, 1 = copies its calibration
    F4  ctrl_meas    temperature << 5 | pressure << 2 | mode (1: once, then sleep)
    F5  config       filter and standby: 0
    F7..FE  data     pressure:20 0:4  temperature:20 0:4  humidity:16, big-endian; after a reset 80000 80000 8000

Theory of operation. A sensor that measures all the time warms itself, so it is made to measure once a sample and
sleeps in between. Its settings are looked at before each: where they are those of power-on, it has lost its supply
for a moment, and is set up anew. The formulas are the datasheet's, in floating point.
"""

import logging
import struct
from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.i2c_device import I2cDevice, open_i2c_device
from picket_collectors.source import Site, SourceError, Values

KIND = "climate"
RANGES = {"temperature_c": (-40, 85), "humidity_percent": (0, 100), "pressure_hpa": (300, 1100)}

BME280, BMP280 = 0x60, 0x58
ID, RESET, CTRL_HUM, STATUS, CTRL_MEAS, CONFIG, DATA = 0xD0, 0xE0, 0xF2, 0xF3, 0xF4, 0xF5, 0xF7
RESET_WORD = 0xB6
MEASURES, COPIES = 0x08, 0x01
ONCE_EACH, FORCED = 0b001_001_00, 0b01
RESET_SECONDS = 0.003
MEASURE_SECONDS = 0.0093  # at the most: 1.25 + 2.3 + (2.3 + 0.575) + (2.3 + 0.575) ms
POLL_SECONDS = 0.005
POLLS = 20
NOTHING = bytes.fromhex("800000 800000")  # one of the two may well be what was measured: 26.46 degrees

log = logging.getLogger("bme280")


class Config(Section, frozen=True, kw_only=True, tag="bme280", tag_field="kind"):
    """A Bosch BME280, or a BMP280; its address is 0x76 where its pin SDO is low, 0x77 where it is high."""

    bus: str = "/dev/i2c-1"
    address: Literal[0x76, 0x77] = 0x76
    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 60


class Calibration(NamedTuple):
    """What a chip was found to be like in the factory; `h` is None of one without humidity."""

    t: tuple[int, ...]
    p: tuple[int, ...]
    h: tuple[int, ...] | None


def parse_calibration(first: bytes, second: bytes | None) -> Calibration:
    """Read the registers 88..A1, and E1..E7 of a chip with humidity."""
    *words, h1 = struct.unpack("<H2h H8h xB", first)
    t, p = tuple(words[:3]), tuple(words[3:])
    if second is None:
        return Calibration(t, p, None)
    h2, h3, e4, e5, e6, h6 = struct.unpack("<hB b B b b", second)
    return Calibration(t, p, (h1, h2, h3, e4 << 4 | e5 & 0xF, e6 << 4 | e5 >> 4, h6))


def values(data: bytes, calibration: Calibration) -> Values:
    """Return what the registers F7..FE say."""
    fine = fine_temperature(int.from_bytes(data[3:6], "big") >> 4, calibration.t)
    pascals = pressure(int.from_bytes(data[0:3], "big") >> 4, fine, calibration.p)
    percent = humidity(int.from_bytes(data[6:8], "big"), fine, calibration.h) if calibration.h else None
    return {
        "temperature_c": round(fine / 5120, 2),
        "humidity_percent": None if percent is None else round(percent, 2),
        "pressure_hpa": round(pascals / 100, 2),
    }


def fine_temperature(code: int, t: tuple[int, ...]) -> float:
    """Return the temperature in 1/5120 degrees."""
    t1, t2, t3 = t
    return (code / 16384 - t1 / 1024) * t2 + (code / 131072 - t1 / 8192) ** 2 * t3


def pressure(code: int, fine: float, p: tuple[int, ...]) -> float:
    """Return the pressure in Pa."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9 = p
    x = fine / 2 - 64000
    offset = (x * x * p6 / 32768 + x * p5 * 2) / 4 + p4 * 65536
    scale = (1 + (p3 * x * x / 524288 + p2 * x) / 524288 / 32768) * p1
    y = (1048576 - code - offset / 4096) * 6250 / scale
    return y + (p9 * y * y / 2147483648 + y * p8 / 32768 + p7) / 16


def humidity(code: int, fine: float, h: tuple[int, ...]) -> float:
    """Return the relative humidity in %."""
    h1, h2, h3, h4, h5, h6 = h
    x = fine - 76800
    y = code - (h4 * 64 + h5 / 16384 * x)
    y *= h2 / 65536 * (1 + h6 / 67108864 * x * (1 + h3 / 67108864 * x))
    return max(0.0, min(100.0, y * (1 - h1 * y / 524288)))


class Bme280:
    """Measures with one chip."""

    def __init__(self, site: Site, device: I2cDevice) -> None:
        """Set the chip up; raises SourceError when it is another one, or does not answer."""
        self._site = site
        self._device = device
        self._brownouts = 0
        try:
            self._set_up()
        except BaseException:
            device.close()
            raise

    def sample(self) -> Values:
        """Measure once; raises SourceError when the chip does not."""
        if not self._is_set_up():
            self._brownouts += 1
            self._set_up()
        self._device.write(bytes([CTRL_MEAS, ONCE_EACH | FORCED]))
        self._site.pause(MEASURE_SECONDS)
        self._wait_for(MEASURES, "does not finish a measurement")
        data = self._device.registers(DATA, 8)
        if data.startswith(NOTHING):  # its supply failed meanwhile
            raise SourceError("has not measured")
        return values(data, self._calibration)

    def figures(self) -> Mapping[str, float]:
        """Count how often the chip had lost its supply."""
        return {"brownouts": self._brownouts}

    def close(self) -> None:
        """Let go of the bus; the chip sleeps."""
        self._device.close()

    def _set_up(self) -> None:
        (chip,) = self._device.registers(ID, 1)
        if chip not in (BME280, BMP280):
            raise SourceError(f"expected a BME280 (id 0x60), or a BMP280 (0x58), got id 0x{chip:02x}")
        self._has_humidity = chip == BME280
        if not self._has_humidity:
            log.warning("it is a BMP280: it measures no humidity")
        self._device.write(bytes([RESET, RESET_WORD]))
        self._site.pause(RESET_SECONDS)
        self._wait_for(COPIES, "does not come out of its reset")
        self._calibration = parse_calibration(
            self._device.registers(0x88, 26), self._device.registers(0xE1, 7) if self._has_humidity else None
        )
        if not (self._calibration.t[0] and self._calibration.p[0]):
            raise SourceError("has no calibration")
        self._device.write(bytes([CTRL_HUM, self._has_humidity, CONFIG, 0, CTRL_MEAS, ONCE_EACH]))

    def _is_set_up(self) -> bool:
        hum, _, meas = self._device.registers(CTRL_HUM, 3)
        return (hum, meas) == (self._has_humidity, ONCE_EACH)

    def _wait_for(self, bit: int, otherwise: str) -> None:
        for _ in range(POLLS):
            if not self._device.registers(STATUS, 1)[0] & bit:
                return
            self._site.pause(POLL_SECONDS)
        raise SourceError(otherwise)


def open_source(config: Config, site: Site) -> Bme280:
    """Open the bus and set the chip up."""
    return Bme280(site, open_i2c_device(config.bus, config.address))
