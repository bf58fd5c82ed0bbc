"""Simple rules for motion, as others use them, and ours behind the same face: volts and time in, moving or not out."""

import statistics
from collections import deque
from collections.abc import Callable
from typing import Protocol

from picket.config.schema import AnalogPir
from picket_gpio_input.filter.detector import Detector

HOLD_SECONDS = 2.0  # motion lasts so long after its cause, by any rule, so that trips are counted alike
REST_FOLLOWS_SECONDS = 30.0
SEED_TOLERANCE_PERCENT = 10.0
FULL_SCALE_VOLTS = 5.0


class Rule(Protocol):
    """Decides from sample to sample."""

    def moving(self, volts: float, now: float) -> bool:
        """Take in a sample, and tell whether there is motion."""
        ...


class Simple:
    """A threshold with hysteresis around a slow mean; then it must last, or come again, or neither."""

    def __init__(
        self, rest: float, on_volts: float, *, off_share: float = 0.5, lasts: float = 0.0, pulses: int = 1
    ) -> None:
        """Begin at rest; `pulses` within 5 s, each begun anew, or `lasts` in seconds (ESPHome's delayed_on)."""
        self._rest = rest
        self._on_volts, self._off_volts = on_volts, on_volts * off_share
        self._lasts, self._pulses = lasts, pulses
        self._since: float | None = None
        self._begun: deque[float] = deque()
        self._last = self._until = float("-inf")

    def moving(self, volts: float, now: float) -> bool:
        """Take in a sample; the rest stands still while the signal is away from it."""
        level = abs(volts - self._rest)
        if self._since is None and level >= self._on_volts:
            self._since = now
            self._begun.append(now)
        elif self._since is not None and level < self._off_volts:
            self._since = None
        if level < self._off_volts and self._last > float("-inf"):
            self._rest += (volts - self._rest) * min(1.0, (now - self._last) / REST_FOLLOWS_SECONDS)
        self._last = now
        while self._begun and now - self._begun[0] > 5.0:
            self._begun.popleft()
        if self._since is not None and len(self._begun) >= self._pulses and now - self._since >= self._lasts:
            self._until = now + HOLD_SECONDS
        return now < self._until


class Seed:
    """One sample more than ten percent of 5 V off a fixed value; it is given the best one, the recording's median."""

    def __init__(self, rest: float) -> None:
        """Know the rest."""
        self._rest = rest
        self._until = float("-inf")

    def moving(self, volts: float, now: float) -> bool:
        """Take in a sample."""
        if abs(volts - self._rest) / FULL_SCALE_VOLTS * 100 > SEED_TOLERANCE_PERCENT:
            self._until = now + HOLD_SECONDS
        return now < self._until


class Ours:
    """The product's detector."""

    def __init__(self, settings: AnalogPir, *, warm: bool = True) -> None:
        """Begin warm, as `picket replay` does."""
        self._detector = Detector(settings, warm=warm)

    def moving(self, volts: float, now: float) -> bool:
        """Take in a sample."""
        self._detector.update(volts, now)
        return self._detector.motion == "ON"


def ours(settings: AnalogPir) -> Callable[[list[float]], Rule]:
    """Return what makes our rule for a recording."""
    return lambda _volts: Ours(settings)


def first_second(volts: list[float]) -> float:
    """Return the rest that a simple rule starts from."""
    return statistics.median(volts[:60])


def simple(
    on_volts: float, lasts: float = 0.0, pulses: int = 1, off_share: float = 0.5
) -> Callable[[list[float]], Rule]:
    """Return what makes a simple rule for a recording."""
    return lambda volts: Simple(first_second(volts), on_volts, off_share=off_share, lasts=lasts, pulses=pulses)


SIMPLE_RULES: dict[str, Callable[[list[float]], Rule]] = {
    "seed: one sample 10 % off": lambda volts: Seed(statistics.median(volts)),
    "0.5 V, one sample": simple(0.5, off_share=1.0),
    "0.5 V, 2 pulses in 5 s": simple(0.5, pulses=2),
    "0.5 V, 3 pulses in 5 s": simple(0.5, pulses=3),
    "0.2 V, 2 pulses in 5 s": simple(0.2, pulses=2),
    "0.2 V, 3 pulses in 5 s": simple(0.2, pulses=3),
    "0.5 V, delayed_on 100 ms": simple(0.5, lasts=0.1),
    "0.5 V, delayed_on 300 ms": simple(0.5, lasts=0.3),
    "0.2 V, delayed_on 100 ms": simple(0.2, lasts=0.1),
    "0.2 V, delayed_on 300 ms": simple(0.2, lasts=0.3),
}
