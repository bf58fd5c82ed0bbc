"""A supply that is measured: the volts of its inputs are taken as a share of it."""

import math
from typing import Any

from picket.config.schema import Supply
from picket.health import HealthBeat
from picket_gpio_input.sampling.sampler import Sample

LOWEST, HIGHEST = 0.6, 1.2  # of nominal; beyond, the measurement is believed less than the supply
LASTING_SECONDS = 1.0  # for so long, before it is trouble, and before it is over


class Scale:
    """By how much the volts of a supply's inputs are multiplied; 1 while the supply can't be believed."""

    def __init__(self, settings: Supply) -> None:
        """Begin with nothing measured."""
        self._nominal = settings.nominal_volts
        self._wrong: bool | None = None
        self._since = 0.0
        self.volts = math.nan
        self.factor = 1.0
        self.trouble = ""

    def update(self, volts: float, now: float) -> None:
        """Take in a measurement; `trouble` says what has been wrong with it for a while."""
        self.volts = volts
        low, high = LOWEST * self._nominal, HIGHEST * self._nominal
        wrong = not low <= volts <= high
        if wrong != self._wrong:
            self._wrong, self._since = wrong, now
        if now - self._since >= LASTING_SECONDS:
            self.trouble = f"reads less than {low:g} or more than {high:g} V" if wrong else ""
        self.factor = 1.0 if wrong or self.trouble else self._nominal / volts

    def lose(self, why: str) -> None:
        """Take in that no measurements come any more."""
        self._wrong = None
        self.volts, self.factor, self.trouble = math.nan, 1.0, why


class SupplyPoint:
    """One supply: its scale, and what was said of its trouble."""

    def __init__(self, name: str, settings: Supply, health: HealthBeat) -> None:
        """Begin with nothing said."""
        self._health = health
        self._subject = f"supply {name}"
        self.scale = Scale(settings)

    def take(self, sample: Sample) -> None:
        """Take in a sample."""
        self.scale.update(sample.volts, sample.now)
        self._tell()

    def lose(self, why: str, _now: float) -> None:
        """Take in that no samples come any more."""
        self.scale.lose(why)
        self._tell()

    def figures(self) -> dict[str, Any]:
        """Return what the health beat says of the supply."""
        volts = self.scale.volts
        return {"volts": round(volts, 3) if math.isfinite(volts) else None}

    def _tell(self) -> None:
        if self.scale.trouble:
            self._health.begin(self._subject, f"{self.scale.trouble}; its inputs are taken at nominal")
        else:
            self._health.end(self._subject)
