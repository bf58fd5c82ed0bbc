"""The motion filter: a pure state machine from "active or not" to motion that one may believe.

    warming  --warm-up over-->  idle  --a pulse-->  candidate  --N pulses in the window-->  motion
    candidate --the window passes--> idle (suppressed)         motion --quiet for the hold--> idle

A pulse is a time of activity that lasted at least the minimum; one that did not is suppressed too. Time only enters as
an argument; a step backwards counts as none. Every verdict says which rule decided, with its figures.
"""

import math
from collections import deque
from typing import Literal, NamedTuple

from picket.config.schema import Input

UPDATE_SECONDS = 10.0


class Verdict(NamedTuple):
    """What was decided at a time; `began` is the first pulse of the episode."""

    type: Literal["new", "update", "end", "suppressed"]
    at: float
    began: float
    why: str
    pulses: int
    peak: float


class MotionFilter:
    """One input's filter."""

    def __init__(self, settings: Input, *, warm: bool = False) -> None:
        """Begin warming up at the first sample, unless `warm`."""
        self._settings = settings
        self._warm_at: float | None = -math.inf if warm else None
        self._now = -math.inf
        self._active_since: float | None = None
        self._counted = False
        self._pulses: deque[float] = deque()
        self._ignored = 0
        self._peak = 0.0
        self._began: float | None = None  # of the motion that goes on
        self._last_active = -math.inf
        self._total = 0
        self._told = -math.inf

    @property
    def moving(self) -> bool:
        """Tell whether motion goes on."""
        return self._began is not None

    @property
    def warming(self) -> bool:
        """Tell whether the sensor is still warming up."""
        return self._warm_at is None or self._now < self._warm_at

    def update(self, active: bool, level: float, now: float) -> list[Verdict]:
        """Take in a sample's activity and level in volts; return what it decided, usually nothing."""
        self._now = now = max(now, self._now)
        if self._warm_at is None:
            self._warm_at = now + self._settings.warm_up_seconds
        if now < self._warm_at:
            self._ignored += active and self._active_since is None
            self._active_since = now if active else None
            self._counted = active  # what began before the sensor was warm is no pulse afterwards
            return []
        verdicts = self._warmed_up(now) + self._expired(now)
        if active:
            self._peak = max(self._peak, level)
            if self._active_since is None:
                self._active_since, self._counted = now, False
            if not self._counted and now - self._active_since >= self._settings.minimum_active_seconds:
                self._counted = True
                verdicts += self._pulse(self._active_since, now)
            if self._counted:
                self._last_active = now
        elif self._active_since is not None:
            verdicts += self._fell(now)
        return verdicts + self._quiet(now)

    def interrupt(self, why: str) -> list[Verdict]:
        """End what goes on, because samples no longer come."""
        self._active_since, self._counted = None, False
        self._pulses.clear()
        return [self._end(self._now, why)] if self.moving else []

    def _warmed_up(self, now: float) -> list[Verdict]:
        ignored, self._ignored = self._ignored, 0
        if not ignored:
            return []
        why = f"{ignored} pulses while warming up for {self._settings.warm_up_seconds:g} s"
        return [Verdict("suppressed", now, now, why, ignored, 0.0)]

    def _pulse(self, began: float, now: float) -> list[Verdict]:
        settings = self._settings
        self._pulses.append(began)
        self._forget(now)
        if self._began is not None:
            self._total += 1
            if now - self._told < UPDATE_SECONDS:
                return []
            self._told = now
            why = f"goes on: {self._total} pulses in {now - self._began:.1f} s, peak {self._peak:.2f} V"
            return [Verdict("update", now, self._began, why, self._total, self._peak)]
        if len(self._pulses) < settings.pulses:
            return []
        self._began, self._told, self._total = self._pulses[0], now, len(self._pulses)
        if settings.pulses > 1:
            span = now - self._pulses[0]
            why = f"{self._total} pulses in {span:.2f} s (asked: {settings.pulses} in {settings.window_seconds:g} s)"
        elif settings.minimum_active_seconds:
            why = f"active for {now - began:.2f} s (asked: {settings.minimum_active_seconds:g} s)"
        else:
            why = "active"
        return [Verdict("new", now, self._began, f"{why}, peak {self._peak:.2f} V", self._total, self._peak)]

    def _fell(self, now: float) -> list[Verdict]:
        since, self._active_since = self._active_since or now, None
        if self._counted or self.moving:
            return []
        asked = self._settings.minimum_active_seconds
        why = f"active for {now - since:.3f} s only (asked: {asked:g} s), peak {self._peak:.2f} V"
        verdict = Verdict("suppressed", now, since, why, 0, self._peak)
        if not self._pulses:
            self._peak = 0.0
        return [verdict]

    def _expired(self, now: float) -> list[Verdict]:
        had, first = len(self._pulses), self._pulses[0] if self._pulses else now
        self._forget(now)
        if self.moving or not had or self._pulses:
            return []
        settings = self._settings
        why = f"{had} of {settings.pulses} pulses in {settings.window_seconds:g} s, peak {self._peak:.2f} V"
        peak, self._peak = self._peak, 0.0
        return [Verdict("suppressed", now, first, why, had, peak)]

    def _quiet(self, now: float) -> list[Verdict]:
        quiet = now - self._last_active
        if not self.moving or self._active_since is not None or quiet < self._settings.hold_seconds:
            return []
        return [self._end(now, f"quiet for {quiet:.2f} s (hold {self._settings.hold_seconds:g} s)")]

    def _end(self, now: float, why: str) -> Verdict:
        began, self._began = self._began if self._began is not None else now, None
        verdict = Verdict("end", now, began, f"{why}; {self._total} pulses", self._total, self._peak)
        self._pulses.clear()
        self._peak, self._total = 0.0, 0
        return verdict

    def _forget(self, now: float) -> None:
        while self._pulses and now - self._pulses[0] > self._settings.window_seconds:
            self._pulses.popleft()
