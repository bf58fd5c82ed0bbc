"""Alerts of thresholds: begun and ended on readings as they come, and gone on with after a restart."""

import time
from collections.abc import Callable

from picket.messages import Reading, ThresholdEvent
from picket.own_events import OwnEvents, Unended
from picket.service import Runtime
from picket_automation.thresholds import Thresholds

TICK_SECONDS = 1.0


class Alerts:
    """Publishes the beginning and the end of each alert, and tells the rules of both."""

    def __init__(self, runtime: Runtime, changed: Callable[[str, bool], None]) -> None:
        """Begin by reading what the last process left without an end; nothing is published before that is known.

        `changed(threshold, active)` is told how each one stands then, and whenever it begins or ends.
        """
        self._loop = runtime.loop
        self._health = runtime.health
        self._producer = runtime.producer
        self._changed = changed
        self._thresholds = Thresholds(runtime.config.thresholds)
        self._unended = Unended[ThresholdEvent]()
        self._settled = False
        unended = self._unended
        OwnEvents(runtime, "event.threshold.", ThresholdEvent, unended.read, unended.settled, self._settle)
        runtime.loop.every(TICK_SECONDS, lambda: self._publish(self._thresholds.tick(runtime.loop.now())))
        runtime.health.figure("alerts", self._going)

    @property
    def topics(self) -> list[str]:
        """Name the readings to hear."""
        return sorted({f"reading.{watch.settings.source}" for watch in self._thresholds.watches.values()})

    def hear(self, reading: Reading) -> None:
        """Take in a reading."""
        for name, watch in self._thresholds.watches.items():
            if watch.settings.source == reading.source:
                self._look_for(watch.settings.quantity, reading, f"threshold {name}")
        self._publish(self._thresholds.take(reading, self._loop.now()))

    def _look_for(self, quantity: str, reading: Reading, subject: str) -> None:
        if quantity in reading.values:
            self._health.end(subject, f"{reading.source} measures {quantity} now")
        else:
            there_are = ", ".join(sorted(reading.values)) or "nothing"
            self._health.begin(subject, f"{reading.source} measures no {quantity!r}; it measures {there_are}")

    def _settle(self) -> None:
        if not self._settled:
            self._settled = True
            said = self._thresholds.settle(self._unended.events(), self._loop.now(), time.time_ns())
            begun = {event.threshold for event in said if event.type == "new"}
            for name in self._thresholds.watches:  # first how the last process left it: only a change makes a rule fire
                self._changed(name, name in self._going() and name not in begun)
            self._publish(said)

    def _publish(self, events: list[ThresholdEvent]) -> None:
        for event in events:
            self._producer.publish(f"event.threshold.{event.threshold}", event)
            self._changed(event.threshold, event.type == "new")

    def _going(self) -> list[str]:
        return [name for name, watch in self._thresholds.watches.items() if watch.alert]
