"""The Sensirion SGP30: equivalent CO2 and volatile organic compounds, by I2C; how it speaks is in sensirion.py.

    20 03  begin            10 ms                       20 2F  features    10 ms   -> 00 2x
    20 08  measure          12 ms   -> eCO2 TVOC        20 32  self-test  220 ms   -> D4 00
    20 15  get baseline     10 ms   -> eCO2 TVOC        20 61  humidity    10 ms   <- g/m3 in 1/256; 0: 11.57
    20 1E  set baseline     10 ms   <- TVOC eCO2 (!)    36 82  serial     0.5 ms   -> 3 words

Theory of operation. The chip learns what clean air is (its baseline), for which it has to measure once a second, so
a sample is as many measurements as its interval has seconds, and their mean is published. What it learned is lost
when its supply is, and at each `begin`; so it is read at every sample and kept on disk: for the first time after the
12 h that learning takes, or an hour where it was restored, then every hour. It is restored to the same chip within a
week. For an hour after `begin` it reads as zeros, which are never kept or restored: with those the chip says 400 ppm
for ever. Zeros later than that tell that the chip lost its supply. For 15 s after `begin` the chip gives 400 ppm and
0 ppb, which is no measurement.

A command, its wait and its answer are three transfers, and others may use the bus meanwhile: the chip keeps its answer
until it is read. What fails is tried again at once, for to open the sensor anew costs what it has learned since the
last hour.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from picket.config.schema import Name, Section
from picket_collectors.i2c_device import I2cDevice, open_i2c_device
from picket_collectors.sensirion import frame, parse
from picket_collectors.source import Site, SourceError, Values
from picket_collectors.store import Store

KIND = "air"
RANGES = {"eco2_ppm": (400, 60_000), "tvoc_ppb": (0, 60_000)}

ATTEMPTS = 3
AGAIN_SECONDS = 0.05
MEASURE_EVERY_SECONDS = 1.0
WARM_UP_SECONDS = 16.0  # 15, by a clock that is not ours
LEARN_SECONDS = 12 * 3600.0
SAVE_SECONDS = 3600.0
KEEPS_SECONDS = 7 * 86_400.0
HUMIDITY_SECONDS = 600.0  # an older one of a neighbour's says nothing of now
COLDEST_C, HOTTEST_C = -40, 85  # where it works: air beside it is no colder and no hotter
FEATURES_SGP30, PASSED = 0x0020, 0xD400


class Config(Section, frozen=True, kw_only=True, tag="sgp30", tag_field="kind"):
    """A Sensirion SGP30; `humidity_from` names the collector that measures temperature and humidity beside it.

    A sample lasts an interval, and the watchdog takes what lasts for 5 minutes for hung; so no more than 4.
    """

    bus: str = "/dev/i2c-1"
    address: Literal[0x58] = 0x58  # it has no other
    interval_seconds: Annotated[int, Meta(ge=1, le=240)] = 60
    humidity_from: Name | None = None


class Command(NamedTuple):
    """What the chip is told, how long that takes it, and how many words it answers."""

    what: str
    code: int
    seconds: float
    words: int = 0


BEGIN = Command("begin", 0x2003, 0.010)
MEASURE = Command("measure", 0x2008, 0.012, 2)
GET_BASELINE = Command("get baseline", 0x2015, 0.010, 2)
SET_BASELINE = Command("set baseline", 0x201E, 0.010)
FEATURES = Command("features", 0x202F, 0.010, 1)
SELF_TEST = Command("self-test", 0x2032, 0.220, 1)
SET_HUMIDITY = Command("humidity", 0x2061, 0.010)
SERIAL = Command("serial", 0x3682, 0.001, 3)


class Baseline(NamedTuple):
    """What the chip takes for clean air."""

    eco2: int
    tvoc: int


class Memory(msgspec.Struct):
    """What is kept of a chip: the baseline and when (UTC) it was read."""

    serial: str
    eco2: Annotated[int, Meta(ge=1, le=0xFFFF)]
    tvoc: Annotated[int, Meta(ge=1, le=0xFFFF)]
    saved_at: float


def remembered(memory: Mapping[str, object], serial: str, wall: float) -> Baseline | None:
    """Return the baseline that may be restored to a chip, if any.

    One from the future is: after a loss of power the clock may be behind, until it hears of a time server.
    """
    with suppress(msgspec.ValidationError):
        kept = msgspec.convert(memory, Memory)
        if kept.serial == serial and wall - kept.saved_at < KEEPS_SECONDS:
            return Baseline(kept.eco2, kept.tvoc)
    return None


def absolute_humidity(temperature_c: float, humidity_percent: float) -> float:
    """Return the grams of water in a cubic metre of air."""
    hectopascals = humidity_percent / 100 * 6.112 * math.exp(17.62 * temperature_c / (243.12 + temperature_c))
    return 216.7 * hectopascals / (273.15 + temperature_c)


class Sgp30:
    """Measures with one chip."""

    def __init__(self, config: Config, site: Site, device: I2cDevice, wall: Callable[[], float] = time.time) -> None:
        """Test the chip and let it begin; raises SourceError when it is another one, or does not answer."""
        self._site = site
        self._device = device
        self._wall = wall
        self._store = Store(site)
        self._measurements = config.interval_seconds
        self._humidity_from = config.humidity_from
        self._humidity = 0  # as the chip was told: g/m3 in 1/256
        self._repeated = 0
        try:
            self._begin()
        except BaseException:
            device.close()
            raise

    def sample(self) -> Values:
        """Measure once a second for an interval, and return the mean; raises SourceError when the chip does not."""
        self._compensate()
        measured, due = [], self._site.clock()
        for _ in range(self._measurements):
            self._site.pause(max(0.0, due - self._site.clock()))
            due += MEASURE_EVERY_SECONDS
            eco2_and_tvoc = self._ask(MEASURE)
            if self._site.clock() >= self._warm_at:
                measured.append(eco2_and_tvoc)
        if not measured:
            return dict.fromkeys(RANGES)
        self._look_after_the_baseline()
        return {
            name: round(sum(column) / len(column), 1)
            for name, column in zip(RANGES, zip(*measured, strict=True), strict=True)
        }

    def figures(self) -> Mapping[str, float]:
        """Show what the chip knows of clean air, and of the humidity: 0 where it is not known."""
        return {
            "baseline_eco2": self._baseline.eco2,
            "baseline_tvoc": self._baseline.tvoc,
            "baseline_restored": float(self._restored),
            "humidity_g_m3": round(self._humidity / 256, 2),
            "repeated": self._repeated,
        }

    def close(self) -> None:
        """Keep what was learned and let go of the bus; the chip goes on by itself."""
        now = self._site.clock()
        if now >= self._learned_at and all(self._baseline):
            self._save(now)
        self._device.close()

    def _begin(self) -> None:
        (features,) = self._ask(FEATURES)
        if features & 0xFFE0 != FEATURES_SGP30:
            raise SourceError(f"expected an SGP30 (features 0x002x), got 0x{features:04x}")
        (result,) = self._ask(SELF_TEST)
        if result != PASSED:
            raise SourceError(f"its self-test failed: 0x{result:04x}")
        self._serial = "".join(f"{word:04x}" for word in self._ask(SERIAL))
        self._ask(BEGIN)
        self._ask(SET_HUMIDITY, 0)  # an earlier process may have said otherwise
        now = self._site.clock()
        self._warm_at = now + WARM_UP_SECONDS
        baseline = remembered(self._store.load(), self._serial, self._wall())
        self._restored = baseline is not None
        self._learned_at = now + (SAVE_SECONDS if baseline else LEARN_SECONDS)
        self._saved_at = -math.inf
        self._baseline = baseline or Baseline(0, 0)
        if baseline:
            self._ask(SET_BASELINE, baseline.tvoc, baseline.eco2)

    def _compensate(self) -> None:
        """Tell the chip the humidity beside it, where that is another one."""
        humidity = self._humidity_beside()
        if humidity != self._humidity:
            self._ask(SET_HUMIDITY, humidity)
            self._humidity = humidity

    def _humidity_beside(self) -> int:
        """Return it as the chip wants it; 0, which no air has, where it is not known."""
        if self._humidity_from is None:
            return 0
        temperature_c = self._site.neighbour(self._humidity_from, "temperature_c", HUMIDITY_SECONDS)
        humidity_percent = self._site.neighbour(self._humidity_from, "humidity_percent", HUMIDITY_SECONDS)
        if temperature_c is None or humidity_percent is None or not COLDEST_C <= temperature_c <= HOTTEST_C:
            return 0
        return max(1, min(0xFFFF, round(absolute_humidity(temperature_c, humidity_percent) * 256)))

    def _look_after_the_baseline(self) -> None:
        baseline, now = Baseline(*self._ask(GET_BASELINE)), self._site.clock()
        if all(baseline):
            self._baseline = baseline
        elif all(self._baseline) or now >= self._learned_at:
            raise SourceError("has lost what it learned, as after a loss of its supply")
        if now >= self._learned_at and now - self._saved_at >= SAVE_SECONDS:
            self._save(now)

    def _save(self, now: float) -> None:
        self._saved_at = now
        self._store.save({"serial": self._serial, **self._baseline._asdict(), "saved_at": round(self._wall())})

    def _ask(self, command: Command, *words: int) -> tuple[int, ...]:
        """Send a command and return its answer; raises SourceError when that fails every time."""
        for _ in range(ATTEMPTS - 1):
            with suppress(OSError):
                return self._ask_once(command, *words)
            self._repeated += 1
            self._site.pause(AGAIN_SECONDS)
        try:
            return self._ask_once(command, *words)
        except OSError as error:
            raise SourceError(f"'{command.what}': {error}") from error

    def _ask_once(self, command: Command, *words: int) -> tuple[int, ...]:
        self._device.write(frame(command.code, *words))
        self._site.pause(command.seconds)
        return parse(self._device.read(3 * command.words)) if command.words else ()


def open_source(config: Config, site: Site) -> Sgp30:
    """Open the bus and let the chip begin."""
    return Sgp30(config, site, open_i2c_device(config.bus, config.address))


def neighbours(config: Config) -> tuple[str, ...]:
    """Name whose readings are wanted."""
    return (config.humidity_from,) if config.humidity_from else ()
