"""The duty of a dust sensor, whose laser lives 8000 hours: it wakes, warms up, measures some times, and sleeps.

Sleep is worth it where the interval exceeds the warm-up by more than 30 s; with a shorter one it works on. While the
air is bad it is measured at the shorter interval of `bad_air`, so it sleeps less, or works on through it:

    bad     when a reading is above one of the bounds
    good    when it is below all of them again, by the hysteresis
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.source import SourceError

READINGS = 5
READING_SECONDS = 1.0  # they measure once a second
WORTH_SLEEPING_SECONDS = 30.0
MAX_NOTHING = 30

Quantities = Mapping[str, float]


class BadAir(Section, frozen=True, kw_only=True):
    """Above which dust the air is bad, how far below it is good again, and how often it is measured meanwhile."""

    pm2_5_ug_m3: Annotated[float, Meta(gt=0, le=1000)] = 35
    pm10_ug_m3: Annotated[float, Meta(gt=0, le=2000)] = 50
    hysteresis_ug_m3: Annotated[float, Meta(ge=0, le=500)] = 10
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 180


class Dust(Section, frozen=True, kw_only=True):
    """A dust sensor; it sleeps between samples where the interval exceeds the warm-up by more than 30 s."""

    port: str  # a path, or auto
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 600
    warm_up_seconds: Annotated[float, Meta(ge=0, le=120)] = 30
    bad_air: BadAir | None = BadAir()  # null: the interval is always the same


class Step(NamedTuple):
    """What is to be done next; `seconds` is how long to wait."""

    do: Literal["wake", "wait", "query", "sleep", "done"]
    seconds: float = 0.0


class DutyCycle:
    """Decides what a sample takes. Time is an argument."""

    def __init__(self, config: Dust) -> None:
        """Begin with a sensor that may be asleep, in good air."""
        self._config = config
        self._awake = False
        self._query_at = 0.0
        self._nothing = 0
        self._readings: list[Quantities] = []
        self.bad_air = False

    @property
    def interval_seconds(self) -> float:
        """How far apart samples are to be, as the air is now."""
        usual, bad_air = self._config.interval_seconds, self._config.bad_air
        return min(usual, bad_air.interval_seconds) if bad_air and self.bad_air else usual

    def next(self, now: float) -> Step:
        """Say what is to be done; it is taken as done, and who can't do it begins with a new cycle."""
        if len(self._readings) == READINGS:
            if self._awake and self.interval_seconds > self._config.warm_up_seconds + WORTH_SLEEPING_SECONDS:
                self._awake = False
                return Step("sleep")
            return Step("done")
        if not self._awake:
            self._awake = True
            self._query_at = now + self._config.warm_up_seconds
            return Step("wake")
        if now < self._query_at:
            return Step("wait", self._query_at - now)
        self._query_at = now + READING_SECONDS
        return Step("query")

    def heard(self, reading: Quantities) -> None:
        """Note a reading. One of zeros, or of nothing, is of a sensor that warms up; raises SourceError for ever so."""
        if not any(reading.values()):
            self._nothing += 1
            if self._nothing >= MAX_NOTHING:
                raise SourceError(
                    f"measures nothing, {MAX_NOTHING} times in a row: it does not come out of its warm-up"
                )
            return
        self._nothing = 0
        self._readings.append(reading)
        if len(self._readings) == READINGS:
            self.bad_air = self._is_bad(trimmed_mean(self._readings))

    def result(self) -> Quantities:
        """Return the mean without the least and the greatest, and begin the next sample."""
        readings, self._readings = self._readings, []
        return trimmed_mean(readings)

    def _is_bad(self, air: Quantities) -> bool:
        bounds = self._config.bad_air
        if bounds is None:
            return False
        margin = bounds.hysteresis_ug_m3 if self.bad_air else 0.0
        return air["pm2_5_ug_m3"] > bounds.pm2_5_ug_m3 - margin or air["pm10_ug_m3"] > bounds.pm10_ug_m3 - margin


def trimmed_mean(readings: Sequence[Quantities]) -> Quantities:
    """Return the mean of each value, without the least and the greatest."""
    columns = {name: sorted(reading[name] for reading in readings)[1:-1] for name in readings[0]}
    return {name: round(sum(column) / len(column), 2) for name, column in columns.items()}
