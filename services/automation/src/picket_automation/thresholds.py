"""Decide when a measured value is past its threshold: a pure machine over readings, their time passed in.

    at rest ── a value past it ──> waiting ── past it for `for_seconds` ──> alert ── back by `hysteresis` ──> at rest
       ^──────── a value not past it ────┘

What is not known begins and ends nothing: a value that is None, and a source that is silent. A source is silent
when its next value is late by half of what lay between the last two; until then the last one is taken to hold, so
that an alert need not wait for the next reading. After a silence it is the next reading that decides.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from picket.config.schema import Threshold
from picket.messages import Reading, ThresholdEvent, utc

SILENT_AFTER_GAPS = 1.5


class Sample(NamedTuple):
    """A value, when it was measured (UTC) and when it was heard (monotonic)."""

    value: float
    time_ns: int
    now: float


class Watch:
    """One threshold: `alert` is what goes on, if anything does."""

    def __init__(self, name: str, settings: Threshold) -> None:
        """Begin with nothing measured; nothing is said before `settle`."""
        self._name = name
        self.settings = settings
        self.alert: ThresholdEvent | None = None
        self._settled = False
        self._first: Sample | None = None  # of those past the threshold, without one between that was not
        self._last: Sample | None = None
        self._gap_seconds = 0.0
        self._peak: float | None = None  # None in an alert that another process began: it knew, and is gone

    def settle(self, alert: ThresholdEvent | None, now: float) -> ThresholdEvent | None:
        """Go on with the alert that the journal holds without an end, or with none."""
        self._settled, self.alert = True, alert
        if alert:
            self._peak = None
        return self.tick(now)

    def take(self, reading: Reading, now: float) -> ThresholdEvent | None:
        """Take in a reading of the threshold's source."""
        value = reading.values.get(self.settings.quantity)
        if value is None:
            return None
        if self._last:
            self._gap_seconds = now - self._last.now
        self._last = sample = Sample(value, reading.time_ns, now)
        if not self._is_past(value):
            self._first = None
        elif self._first is None and self.alert is None:
            self._first, self._peak = sample, value
        elif self._peak is not None:
            self._peak = self._worse(self._peak, value)
        return self.tick(now)

    def tick(self, now: float) -> ThresholdEvent | None:
        """Judge by what was heard so far."""
        if not self._settled or self._last is None:
            return None
        if self.alert:
            return self._end(self.alert, self._last) if self._is_back(self._last.value) else None
        if self._first is None:
            return None
        holds = now - self._last.now <= SILENT_AFTER_GAPS * self._gap_seconds
        until = now if holds else self._last.now
        if until - self._first.now < self.settings.for_seconds:
            return None
        return self._begin(self._first, self._last, until)

    def _begin(self, first: Sample, last: Sample, until: float) -> ThresholdEvent:
        self.alert = ThresholdEvent(
            time_ns=last.time_ns + int((until - last.now) * 1e9),
            id=f"{self._name}-{first.time_ns // 1_000_000:x}",
            type="new",
            threshold=self._name,
            source=self.settings.source,
            quantity=self.settings.quantity,
            value=last.value,
            began_at=utc(first.time_ns),
            why=f"{self._measured} was {self._bound}{_for(until - first.now)} (peak {self._peak:g})",
        )
        return self.alert

    def _end(self, alert: ThresholdEvent, last: Sample) -> ThresholdEvent:
        peak = "" if self._peak is None else f" (peak {self._peak:g})"
        self.alert = self._first = self._peak = None
        why = f"{self._measured} is {last.value:g}, no more {self._bound}{peak}"
        return ended(alert, last.time_ns, last.value, why)

    @property
    def _measured(self) -> str:
        return f"{self.settings.source} {self.settings.quantity}"

    @property
    def _bound(self) -> str:
        above, below = self.settings.above, self.settings.below
        return f"above {above:g}" if above is not None else f"below {below:g}"

    def _is_past(self, value: float) -> bool:
        above, below = self.settings.above, self.settings.below
        return (above is not None and value > above) or (below is not None and value < below)

    def _is_back(self, value: float) -> bool:
        above, below, hysteresis = self.settings.above, self.settings.below, self.settings.hysteresis
        return (above is None or value <= above - hysteresis) and (below is None or value >= below + hysteresis)

    def _worse(self, one: float, other: float) -> float:
        return max(one, other) if self.settings.above is not None else min(one, other)


class Thresholds:
    """All thresholds of a device."""

    def __init__(self, settings: Mapping[str, Threshold]) -> None:
        """Begin with nothing measured; nothing is said before `settle`."""
        self.watches = {name: Watch(name, threshold) for name, threshold in settings.items()}

    def settle(self, alerts: Iterable[ThresholdEvent], now: float, now_ns: int) -> list[ThresholdEvent]:
        """Go on with the alerts that the journal holds without an end; one that nobody watches any more is ended."""
        going, said = {}, []
        for alert in alerts:
            watch = self.watches.get(alert.threshold)
            if watch and (watch.settings.source, watch.settings.quantity) == (alert.source, alert.quantity):
                going[alert.threshold] = alert
            else:
                said.append(ended(alert, now_ns, None, "the configuration asks for it no more"))
        return said + _said(watch.settle(going.get(name), now) for name, watch in self.watches.items())

    def take(self, reading: Reading, now: float) -> list[ThresholdEvent]:
        """Take in a reading; return what begins or ends by it."""
        watches = [watch for watch in self.watches.values() if watch.settings.source == reading.source]
        return _said(watch.take(reading, now) for watch in watches)

    def tick(self, now: float) -> list[ThresholdEvent]:
        """Return what begins because time has gone by."""
        return _said(watch.tick(now) for watch in self.watches.values())


def ended(alert: ThresholdEvent, time_ns: int, value: float | None, why: str) -> ThresholdEvent:
    """Return the end of an alert."""
    return msgspec.structs.replace(alert, type="end", time_ns=time_ns, value=value, ended_at=utc(time_ns), why=why)


def _for(seconds: float) -> str:
    return f" for {seconds:.0f} s" if seconds >= 0.5 else ""


def _said(events: Iterable[ThresholdEvent | None]) -> list[ThresholdEvent]:
    return [event for event in events if event]
