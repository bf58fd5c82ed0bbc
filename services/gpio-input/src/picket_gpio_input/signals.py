"""From volts to what they mean, by kind of input: its zone, whether it is active, and how far it swings."""

import math
from typing import NamedTuple, Protocol

from picket.config.schema import AnalogPir, DigitalPir, Input, Loop
from picket.messages import Zone

BAND_HYSTERESIS_VOLTS = 0.05
BASELINE_WHILE_ACTIVE = 4.0  # the baseline follows so much slower while the signal swings
# A person swings the signal to both sides of its rest. What stays on one side for so long is a rest that has moved
# (or one that was learned in the middle of a walk), and is followed fast.
ONE_SIDED_SECONDS = 3.0
MOVED_REST_SECONDS = 1.0


class Meaning(NamedTuple):
    """What a sample means; `level` is the volts that thresholds are compared with."""

    zone: Zone
    active: bool
    level: float


class Signal(Protocol):
    """A kind of input."""

    def update(self, volts: float, now: float) -> Meaning:
        """Take in a sample."""
        ...


def signal_for(settings: Input) -> Signal:
    """Return the signal of an input's kind."""
    match settings:
        case AnalogPir():
            return AnalogSignal(settings)
        case DigitalPir():
            return DigitalSignal(settings)
        case Loop():
            return LoopSignal(settings)
    raise TypeError(f"{type(settings).__name__} is no kind of input")


class Settled:
    """A zone that counts only when it has lasted; `normal` and `alarm` count at once."""

    def __init__(self, seconds: float) -> None:
        """Let other zones wait for `seconds`."""
        self._seconds = seconds
        self._candidate: Zone = "normal"
        self._since = 0.0
        self.zone: Zone = "normal"

    def update(self, zone: Zone, now: float) -> Zone:
        """Take in what the volts say now, and return what counts."""
        if zone != self._candidate:
            self._candidate, self._since = zone, now
        if zone in ("normal", "alarm") or now - self._since >= self._seconds:
            self.zone = zone
        return self.zone


class AnalogSignal:
    """A swing around a rest that drifts: the rest is a slow mean, the level is the distance from it."""

    def __init__(self, settings: AnalogPir) -> None:
        """Begin without a baseline; it is a plain mean of all samples until it is as old as its time constant."""
        self._settings = settings
        self._zone = Settled(settings.fault_after_seconds)
        self._active = False
        self._first: float | None = None
        self._last = 0.0
        self._above = False
        self._one_sided_since = 0.0
        self.baseline = math.nan

    def update(self, volts: float, now: float) -> Meaning:
        """Take in a sample; the baseline follows it."""
        settings = self._settings
        if self._first is None:
            self._first, self._last, self._one_sided_since, self.baseline = now, now, now, volts
        zone = self._zone.update(self._zone_of(volts), now)
        level = abs(volts - self.baseline)
        self._active = level >= (settings.off_below_volts if self._active else settings.on_above_volts)
        if not self._active or (volts > self.baseline) != self._above:
            self._above, self._one_sided_since = volts > self.baseline, now
        self._follow(volts, now)
        return Meaning(zone, self._active and zone == "normal", level)

    def _zone_of(self, volts: float) -> Zone:
        if volts < self._settings.short_below_volts:
            return "short"
        return "open" if volts > self._settings.open_above_volts else "normal"

    def _follow(self, volts: float, now: float) -> None:
        step, self._last = max(0.0, now - self._last), max(now, self._last)
        age = self._last - (self._first or 0.0)
        seconds = min(self._settings.baseline_seconds, age + step)
        if now - self._one_sided_since > ONE_SIDED_SECONDS:
            seconds = MOVED_REST_SECONDS
        elif self._active:
            seconds = self._settings.baseline_seconds * BASELINE_WHILE_ACTIVE
        if seconds > 0:
            self.baseline += (volts - self.baseline) * min(1.0, step / seconds)


class DigitalSignal:
    """High or low, with hysteresis."""

    def __init__(self, settings: DigitalPir) -> None:
        """Begin low."""
        self._settings = settings
        self._active = False

    def update(self, volts: float, _now: float) -> Meaning:
        """Take in a sample."""
        threshold = self._settings.off_below_volts if self._active else self._settings.on_above_volts
        self._active = volts >= threshold
        return Meaning("alarm" if self._active else "normal", self._active, volts)


class LoopSignal:
    """A supervised loop: bands of volts; between two bands the one that held goes on a little."""

    def __init__(self, settings: Loop) -> None:
        """Begin normal."""
        self._bands: dict[Zone, tuple[float, float]] = {
            name: (band.from_volts, band.below_volts) for name, band in settings.zones.items()
        }
        self._zone = Settled(settings.debounce_seconds)
        self._raw: Zone = "normal"

    def update(self, volts: float, now: float) -> Meaning:
        """Take in a sample; volts in no band are a fault."""
        low, high = self._bands.get(self._raw, (math.inf, -math.inf))
        if not low - BAND_HYSTERESIS_VOLTS <= volts < high + BAND_HYSTERESIS_VOLTS:
            inside = (name for name, (low, high) in self._bands.items() if low <= volts < high)
            self._raw = next(inside, "fault")
        zone = self._zone.update(self._raw, now)
        return Meaning(zone, zone == "alarm", volts)
