"""Tell a person's swings of an analog PIR's signal from what else moves it.

Theory of operation. A pyroelectric sensor swings around its rest when a warm body crosses its beams: by some tenths
of a volt to all the supply, to both sides, each for a quarter of a second or more. What else moves it is smaller, or
shorter, or comes at once, or to one side only. So a swing (the time that the signal is beyond `off_below_volts` on
one side of its rest) is measured in volt-seconds beyond that, which fade; and

- one that lasts less than `minimum_active_seconds`, or peaks below `on_above_volts`, is none (radio, pets, draughts);
- of one that begins with a step (a supply dip, a burst, a contact) only what rises above the step is counted, until
  the signal has swung to the other side too, which these don't do;
- it is believed when what was counted reaches `swing_volt_seconds`.

All three thresholds grow with the noise of the signal, when that is more than the thresholds were made for.
"""

import math

from picket.config.schema import AnalogPir

FADE_SECONDS = 1.5
STEP_SECONDS = 0.04  # twice `off_below_volts` within so long of being at rest is a step
OTHER_SIDE_SHARE = 0.05  # of `swing_volt_seconds`: so much makes it both sides
LONGEST_STEP_SECONDS = 0.1  # samples further apart say nothing of the time between
NOISE_SECONDS = 30.0
NOISE_STEP_SECONDS = 0.035  # samples further apart tell no noise from swings
NOISE_MARGIN = 3.0  # thresholds hold as they are while `off_below_volts` is so many sigma
# The mean of |a - 2b + c| over sigma, for noise from sample to sample; a swing's own is near nothing.
CURVATURE_OF_NOISE = 1.954


class Swing:
    """One swing to one side, and how it was judged up to now."""

    __slots__ = ("above", "asked", "began", "believed", "both_sides", "counted", "floor", "left", "off", "peak", "step")

    def __init__(self, *, above: bool, began: float, left: float, off: float, asked: float) -> None:
        """Begin at `began`; `left` is when the signal was last not on this side."""
        self.above = above
        self.began = began
        self.left = left
        self.off = off
        self.floor = off
        self.asked = asked
        self.peak = 0.0
        self.step = 0.0  # the volts that came at once
        self.counted = 0.0  # volt-seconds of this and of the swings before it, faded
        self.both_sides = False
        self.believed = False

    def __str__(self) -> str:
        """Say what counted for or against it, with the figures."""
        if self.step and not self.both_sides and not self.believed:
            return f"a step of {self.step:.2f} V, {self.counted:.3f} V s beyond it ({self._asked})"
        which = "swings to both sides" if self.both_sides else "a swing"
        only = "" if self.believed else " only"
        return f"{which} of {self.counted:.3f} V s{only} ({self._asked})"

    @property
    def _asked(self) -> str:
        return f"asked: {self.asked:.3g} V s beyond {self.off:.2g} V"


class Swings:
    """Follows the swings of one input."""

    def __init__(self, settings: AnalogPir) -> None:
        """Begin at rest, with no noise known."""
        self._settings = settings
        self._last: float | None = None
        self._swing: Swing | None = None
        self._noise = Noise(settings.off_below_volts / NOISE_MARGIN)
        self._plain = 0.0  # volt-seconds that count by themselves
        self._above = self._below = 0.0  # and all, by side
        self._new_plain = self._new = 0.0  # of a swing that has not lasted yet

    def update(self, away: float, now: float) -> Swing | None:
        """Take in the distance from the rest; return the swing that goes on and is large enough to be one."""
        gap = 0.0 if self._last is None else now - self._last
        if gap < 0:
            return self._swing
        last, self._last = self._last, now
        scale = self._noise.update(away, gap)
        if self._above or self._below:
            fade = math.exp(-gap / FADE_SECONDS)
            self._plain *= fade
            self._above *= fade
            self._below *= fade
        distance = abs(away)
        if distance < self._settings.off_below_volts * scale:
            self._swing = None
            return None
        swing = self._swing
        if swing is None or swing.above != (away > 0):
            self._swing = swing = Swing(
                above=away > 0,
                began=now,
                left=now if last is None else last,
                off=self._settings.off_below_volts * scale,
                asked=self._settings.swing_volt_seconds * scale,
            )
            self._new_plain = self._new = 0.0
        self._measure(swing, distance, min(gap, LONGEST_STEP_SECONDS), now)
        return swing if swing.peak >= self._settings.on_above_volts * scale else None

    def _measure(self, swing: Swing, distance: float, seconds: float, now: float) -> None:
        swing.peak = max(swing.peak, distance)
        if distance > swing.floor and distance >= 2 * swing.off and now - swing.left <= STEP_SECONDS:
            swing.floor = swing.step = distance
        self._new += max(0.0, distance - swing.off) * seconds
        self._new_plain += max(0.0, distance - swing.floor) * seconds
        if now - swing.began < self._settings.minimum_active_seconds:
            return
        self._plain += self._new_plain
        if swing.above:
            self._above += self._new
        else:
            self._below += self._new
        self._new_plain = self._new = 0.0
        swing.both_sides = min(self._above, self._below) >= OTHER_SIDE_SHARE * swing.asked
        swing.counted = self._above + self._below if swing.both_sides else self._plain
        swing.believed = swing.believed or swing.counted >= swing.asked


class Noise:
    """The noise from sample to sample, as a factor for thresholds made for `expected_volts` rms or less."""

    def __init__(self, expected_volts: float) -> None:
        """Begin with none."""
        self._per_volt = 1 / (CURVATURE_OF_NOISE * expected_volts) if expected_volts else 0.0
        self._before = self._last = 0.0
        self._mean = 0.0
        self._seconds = 0.0

    def update(self, volts: float, gap: float) -> float:
        """Take in a sample, and return the factor, 1 or more."""
        if 0 < gap <= NOISE_STEP_SECONDS:
            curvature = abs(volts - 2 * self._last + self._before)
            self._seconds = min(self._seconds + gap, NOISE_SECONDS)
            # As old as a second at least: some samples are no measure of noise.
            self._mean += (curvature - self._mean) * gap / max(self._seconds, 1.0)
        self._before, self._last = self._last, volts
        return max(1.0, self._mean * self._per_volt)
