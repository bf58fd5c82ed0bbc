"""The motion filter: a pure state machine from "active or not" to motion that one may believe.

    warming  --warm-up over-->  idle  --a pulse-->  candidate  --N pulses in the window-->  motion
    candidate --the window passes--> idle (suppressed)         motion --quiet for the hold--> idle

A pulse is a time of activity that lasted at least the minimum, and an analog PIR's swing that is believed (swing.py);
what falls short is suppressed, and so is what comes while the input chatters or is shut off as a swinger. Time only
enters as an argument; a step backwards counts as none. Every verdict says which rule decided, with its figures.
"""

import math
from collections import deque
from typing import Literal, NamedTuple

from picket.config.schema import Input
from picket_gpio_input.filter.chatter import Chatter
from picket_gpio_input.filter.swing import Swing
from picket_gpio_input.filter.swinger import Swinger
from picket_gpio_input.filter.zones import Meaning

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
        self._chatter = Chatter(settings)
        self._swinger = Swinger(settings)
        self._warm_at: float | None = -math.inf if warm else None
        self._now = -math.inf
        self._active_since: float | None = None
        self._swing: Swing | None = None  # that it is active by
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

    def chattering(self, now: float) -> str:
        """Say that the input chatters, or nothing."""
        return self._chatter.update(now)

    def update(self, meaning: Meaning, now: float) -> list[Verdict]:
        """Take in what a sample means; return what it decided, usually nothing."""
        self._now = now = max(now, self._now)
        if self._warm_at is None:
            self._warm_at = now + self._settings.warm_up_seconds
        active = meaning.active
        if now < self._warm_at:
            self._ignored += active and self._active_since is None
            self._active_since, self._swing = (now, meaning.swing) if active else (None, None)
            self._counted = active  # what began before the sensor was warm is no pulse afterwards
            return []
        verdicts = self._warmed_up(now) if self._ignored else []
        if self._pulses:
            verdicts += self._expired(now)
        if self._active_since is not None and not (active and meaning.swing is self._swing):
            verdicts += self._fell(now)
        if active:
            verdicts += self._lasts(meaning, now)
        return verdicts + self._quiet(now) if self.moving else verdicts

    def interrupt(self, why: str) -> list[Verdict]:
        """End what goes on, because samples no longer come."""
        self._active_since, self._swing, self._counted = None, None, False
        self._pulses.clear()
        return [self._end(self._now, why)] if self.moving else []

    def _warmed_up(self, now: float) -> list[Verdict]:
        ignored, self._ignored = self._ignored, 0
        why = f"{ignored} pulses while warming up for {self._settings.warm_up_seconds:g} s"
        return [Verdict("suppressed", now, now, why, ignored, 0.0)]

    def _lasts(self, meaning: Meaning, now: float) -> list[Verdict]:
        self._peak = max(self._peak, meaning.level)
        if self._active_since is None:
            self._swing, self._counted = meaning.swing, False
            self._active_since = min(now, meaning.swing.began) if meaning.swing else now
        verdicts = []
        if not self._counted and not self._doubt(now):
            self._counted = True
            verdicts = self._pulse(self._active_since, now)
        if self._counted:
            self._last_active = now
        return verdicts

    def _doubt(self, now: float) -> str:
        """Say why the pulse that goes on does not count, or nothing."""
        seconds = now - (self._active_since or 0.0)
        if seconds < self._settings.minimum_active_seconds:
            return f"active for {seconds:.3f} s only (asked: {self._settings.minimum_active_seconds:g} s)"
        if self._swing and not self._swing.believed:
            return str(self._swing)
        if self._chatter.text:
            return f"while it {self._chatter.text}"
        if not self._swing and self._chatter.among(now):
            return "right after pulses too short to count"
        return ""

    def _pulse(self, began: float, now: float) -> list[Verdict]:
        settings = self._settings
        shut_off = self._swinger.shut_off(now)
        if self._began is not None:
            self._total += 1
            if now - self._told < UPDATE_SECONDS:
                return []
            self._told = now
            why = f"goes on: {self._total} pulses in {now - self._began:.1f} s, peak {self._peak:.2f} V"
            return [Verdict("update", now, self._began, why, self._total, self._peak)]
        if shut_off:
            peak, self._peak = self._peak, 0.0
            return [Verdict("suppressed", now, began, shut_off, 1, peak)]
        self._pulses.append(began)
        self._forget(now)
        if len(self._pulses) < settings.pulses:
            return []
        self._began, self._told, self._total = self._pulses[0], now, len(self._pulses)
        self._swinger.trip()
        rules = []
        if settings.pulses > 1:
            span = now - self._pulses[0]
            rules.append(
                f"{self._total} pulses in {span:.2f} s (asked: {settings.pulses} in {settings.window_seconds:g} s)"
            )
        if self._swing:
            rules.append(str(self._swing))
        elif settings.minimum_active_seconds and not rules:
            rules.append(f"active for {now - began:.2f} s (asked: {settings.minimum_active_seconds:g} s)")
        why = ", ".join([*(rules or ["active"]), f"peak {self._peak:.2f} V"])
        return [Verdict("new", now, self._began, why, self._total, self._peak)]

    def _fell(self, now: float) -> list[Verdict]:
        since = now if self._active_since is None else self._active_since
        doubt = "" if self._counted else self._doubt(now) or "not sampled long enough"
        if now - since < self._settings.minimum_active_seconds:
            self._chatter.pulse(now)
        self._active_since, self._swing = None, None
        if not doubt or self.moving:
            return []
        verdict = Verdict("suppressed", now, since, f"{doubt}, peak {self._peak:.2f} V", 0, self._peak)
        if not self._pulses:
            self._peak = 0.0
        return [verdict]

    def _expired(self, now: float) -> list[Verdict]:
        had, first = len(self._pulses), self._pulses[0]
        self._forget(now)
        if self.moving or self._pulses:
            return []
        settings = self._settings
        why = f"{had} of {settings.pulses} pulses in {settings.window_seconds:g} s, peak {self._peak:.2f} V"
        peak, self._peak = self._peak, 0.0
        return [Verdict("suppressed", now, first, why, had, peak)]

    def _quiet(self, now: float) -> list[Verdict]:
        quiet = now - self._last_active
        if self._active_since is not None or quiet < self._settings.hold_seconds:
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
