"""The DHT22 (AM2302), and its kin DHT11 and DHT21, read by the kernel's driver: `dtoverlay=dht11,gpiopin=4`.

    <sysfs>/bus/iio/devices/iio:device<n>/     n is chance; the name tells the pin, in hexadecimal:
        name                       dht11@4     GPIO 4; dht11@11 is GPIO 17
        in_temp_input              23400       thousandths of a degree
        in_humidityrelative_input  45600       thousandths of a percent

    EIO        a checksum or an edge was wrong         ETIMEDOUT   the sensor, or part of its answer, is missing

Theory of operation. The kernel times a sensor's pulses between its other work, so a read fails now and then: it is
repeated, 2 s apart, for the sensor measures no faster and the kernel gives what it has for as long. What passes the
checksum by chance is told by what the air does not do: it does not change by 5 degrees or 15 % from one read to the
next, unless the next says so too. Below zero some makers send two's complement, where the kernel expects a sign.
"""

import errno
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.source import Site, SourceError, Values

KIND = "climate"
RANGES = {"temperature_c": (-40, 80), "humidity_percent": (0, 100)}

ATTEMPTS = 6
APART_SECONDS = 2.1  # a little more than the kernel's 2 s
PASSING = (errno.EIO, errno.ETIMEDOUT)
LAST_READS = 100
NEAR_C, NEAR_PERCENT = 5.0, 15.0
COMPLEMENT_C = 3276.8


class Config(Section, frozen=True, kw_only=True, tag="dht22", tag_field="kind"):
    """A DHT22 at a pin of the Pi, numbered as GPIO; its config.txt needs `dtoverlay=dht11,gpiopin=<pin>`."""

    gpio_pin: Annotated[int, Meta(ge=0, le=53)]
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 60
    sysfs: str = "/sys"


class Air(NamedTuple):
    """What one read gave."""

    temperature_c: float
    humidity_percent: float

    def is_near(self, other: "Air") -> bool:
        """Tell whether air can have become the other within some seconds."""
        return (
            abs(self.temperature_c - other.temperature_c) <= NEAR_C
            and abs(self.humidity_percent - other.humidity_percent) <= NEAR_PERCENT
        )


def parse(temp_input: str, humidityrelative_input: str) -> Air:
    """Read both files; raises ValueError where they hold no numbers."""
    celsius, percent = int(temp_input) / 1000, int(humidityrelative_input) / 1000
    if celsius < -COMPLEMENT_C / 2:
        celsius = -COMPLEMENT_C - celsius
    return Air(round(celsius, 1), round(percent, 1))


def is_possible(air: Air) -> bool:
    """Tell whether a read is air, and not one of the patterns that sensors fail with."""
    (coldest, hottest), (driest, wettest) = RANGES.values()
    if air in ((1, 1), (0, 1), (0, 2), (0, 0)):
        return False
    return coldest <= air.temperature_c <= hottest and driest <= air.humidity_percent <= wettest


class Doubt:
    """Believes a read when another is near it: the last that was believed, or the one just before."""

    def __init__(self) -> None:
        """Have read nothing: the first read wants a second."""
        self._known: list[Air] = []

    def believes(self, air: Air) -> bool:
        """Take a read, and tell whether it is believed."""
        if any(air.is_near(known) for known in self._known):
            self._known = [air]
            return True
        self._known = [*self._known[:1], air]
        return False


class Dht22:
    """Reads one sensor's files."""

    def __init__(self, site: Site, folder: Path, read: Callable[[Path], str] = Path.read_text) -> None:
        """Take the folder of the sensor's device; nothing is read yet."""
        self._site = site
        self._folder = folder
        self._read = read
        self._doubt = Doubt()
        self._reads: deque[bool] = deque(maxlen=LAST_READS)

    def sample(self) -> Values:
        """Read until it succeeds, a few times at most; raises SourceError when it never does, or is not there."""
        for _ in range(ATTEMPTS):
            air, fault = self._try()
            self._reads.append(air is not None)
            if air and self._doubt.believes(air):
                return air._asdict()
            self._site.pause(APART_SECONDS)
        raise SourceError(f"{ATTEMPTS} reads gave nothing to believe; the last: {fault or 'they differ too much'}")

    def figures(self) -> Mapping[str, float]:
        """Show which share of the last 100 reads succeeded."""
        return {"success_ratio": round(sum(self._reads) / max(1, len(self._reads)), 2)}

    def close(self) -> None:
        """Do nothing: nothing is held open."""

    def _try(self) -> tuple[Air | None, str]:
        """Read once; return what it gave, or else why that is nothing."""
        try:
            texts = [self._read(self._folder / name) for name in ("in_temp_input", "in_humidityrelative_input")]
            air = parse(*texts)
        except OSError as error:
            if error.errno in PASSING:
                return None, str(error.strerror)
            raise
        except ValueError as error:
            return None, str(error)
        return (air, "") if is_possible(air) else (None, f"{air.temperature_c:g} °C at {air.humidity_percent:g} %")


def find(sysfs: Path, gpio_pin: int) -> Path:
    """Return the folder of the sensor at a pin; raises SourceError that names those there are."""
    there_are = {}
    for folder in sorted(sysfs.glob("bus/iio/devices/iio:device*")):
        try:
            there_are[(folder / "name").read_text(encoding="ascii").strip()] = folder
        except (OSError, ValueError):
            continue  # going, or none of ours
    wanted = f"dht11@{gpio_pin:x}"
    if wanted not in there_are:
        names = ", ".join(name for name in there_are if name.startswith("dht11@")) or "none"
        raise SourceError(f"the kernel has no {wanted} (dtoverlay=dht11,gpiopin={gpio_pin}); there are {names}")
    return there_are[wanted]


def open_source(config: Config, site: Site) -> Dht22:
    """Find the sensor's device."""
    return Dht22(site, find(Path(config.sysfs), config.gpio_pin))
