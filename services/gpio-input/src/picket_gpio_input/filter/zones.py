"""From volts to zones: bands for supervised loops, and what must last before it counts."""

from typing import NamedTuple

from picket.config.schema import Loop
from picket.config.wiring import bands
from picket.messages import Zone
from picket_gpio_input.filter.swing import Swing


class Meaning(NamedTuple):
    """What a sample means: `level` is the volts that thresholds are compared with, `text` what the zone leaves out.

    `swing` is an analog PIR's: what it is active by, and whether that is believed.
    """

    zone: Zone
    active: bool
    level: float
    text: str = ""
    swing: Swing | None = None


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


class LoopSignal:
    """A supervised loop: bands of volts; beyond the edge of a band the one that held goes on a little."""

    def __init__(self, settings: Loop) -> None:
        """Begin normal."""
        self._bands = bands(settings)
        self._hysteresis_volts = settings.hysteresis_volts
        self._settled = Settled(settings.debounce_seconds)
        self._held = next((band for band in self._bands if band.zone == "normal"), None)
        self._text = ""

    def update(self, volts: float, now: float) -> Meaning:
        """Take in a sample; volts in no band are a fault."""
        beyond, held = self._hysteresis_volts, self._held
        if held is None or not held.from_volts - beyond <= volts < held.below_volts + beyond:
            inside = (band for band in self._bands if band.from_volts <= volts < band.below_volts)
            self._held = held = next(inside, None)
        zone, state = (held.zone, held.state) if held else ("fault", "in no band")
        settled = self._settled.update(zone, now)
        if settled == zone:
            self._text = "" if state == zone else state
        return Meaning(settled, settled == "alarm", volts, self._text)
