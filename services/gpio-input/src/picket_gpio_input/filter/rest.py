"""Where an analog PIR's signal is when nothing moves: its rest, which differs by sensor and drifts."""

# A person swings the signal to and fro. What stays on one side for so long is a rest that has moved, or one that was
# learned in the middle of a swing, or warm air; and is followed so fast.
ONE_SIDED_SECONDS = 0.8
MOVED_REST_SECONDS = 0.5
SMOOTH_SECONDS = 0.2
LONGEST_STEP_SECONDS = 0.25  # samples further apart say nothing of the time between


class Rest:
    """A slow mean that a swing can't carry away, for it moves no faster than `volts_per_second`."""

    def __init__(self, follow_seconds: float, near_volts: float, volts_per_second: float) -> None:
        """Follow with a time constant; within `near_volts` of it the signal is on neither side."""
        self._follow_seconds = follow_seconds
        self._near_volts = near_volts
        self._cut_volts = 1.5 * near_volts  # what jumps to and fro is on a side only when it is there most of the time
        self._volts_per_second = volts_per_second
        self._last: float | None = None
        self._smooth = 0.0  # the distance without its noise
        self._side = 0
        self._side_since = 0.0
        self.volts = 0.0

    def update(self, volts: float, now: float) -> float:
        """Take in a sample, and return its distance from the rest before it; the first sample is the rest."""
        if self._last is None:
            self._last, self._side_since, self.volts = now, now, volts
            return 0.0
        step = min(now - self._last, LONGEST_STEP_SECONDS)
        if step <= 0:
            return volts - self.volts
        self._last = now
        away = volts - self.volts
        cut = max(-self._cut_volts, min(self._cut_volts, away))
        self._smooth += (cut - self._smooth) * min(1.0, step / SMOOTH_SECONDS)
        side = 0 if abs(self._smooth) < self._near_volts else 1 if self._smooth > 0 else -1
        if side != self._side:
            self._side, self._side_since = side, now
        if side and now - self._side_since > ONE_SIDED_SECONDS:
            self.volts += away * step / MOVED_REST_SECONDS
        else:
            most = self._volts_per_second * step
            self.volts += max(-most, min(most, away * step / self._follow_seconds))
        return away
