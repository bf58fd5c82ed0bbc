"""From volts to what they mean, by kind of input: its zone, whether it is active, and how far it swings."""

import math
from typing import Protocol

from picket.config.schema import AnalogPir, DigitalPir, Input, Loop
from picket.messages import Zone
from picket_gpio_input.filter.rest import Rest
from picket_gpio_input.filter.swing import Swings
from picket_gpio_input.filter.zones import LoopSignal, Meaning, Settled


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


class AnalogSignal:
    """A signal that swings around a rest that drifts; the level is the distance from it."""

    def __init__(self, settings: AnalogPir) -> None:
        """Begin with the first sample as the rest."""
        self._settings = settings
        self._zone = Settled(settings.fault_after_seconds)
        # Half of what begins a swing: nearer it is at rest, and no faster does the rest move while it swings.
        half = settings.off_below_volts / 2
        self._rest = Rest(settings.baseline_seconds, near_volts=half, volts_per_second=half)
        self._swings = Swings(settings)

    @property
    def baseline(self) -> float:
        """Return the rest in volts."""
        return self._rest.volts

    def update(self, volts: float, now: float) -> Meaning:
        """Take in a sample; the rest follows it."""
        zone = self._zone.update(self._zone_of(volts), now)
        away = self._rest.update(volts, now)
        swing = self._swings.update(away, now)
        return Meaning(zone, swing is not None and zone == "normal", math.fabs(away), swing=swing)

    def _zone_of(self, volts: float) -> Zone:
        if volts < self._settings.short_below_volts:
            return "short"
        return "open" if volts > self._settings.open_above_volts else "normal"


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
