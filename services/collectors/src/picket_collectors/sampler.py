"""The sensor's own thread: opens the source, samples it when due, and opens it anew when it fails.

Reading a sensor blocks (a serial port, a warm-up), so it is kept away from the loop and the bus: what came of each
sample is handed over as an Outcome.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import closing

from picket_collectors.outcome import Measured, Outcome, failed
from picket_collectors.schedule import Schedule
from picket_collectors.source import AskedToWaitError, Paced, Part, Site, Source, Stopped


class Sampler:
    """Samples one source for as long as its site lets it."""

    def __init__(
        self,
        open_source: Callable[[], Source],
        kind: str,
        interval_seconds: float,
        site: Site,
        hand_over: Callable[[Outcome], None],
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open nothing yet."""
        self._open_source = open_source
        self._kind = kind
        self._site = site
        self._hand_over = hand_over
        self._wall_ns = wall_ns
        self._schedule = Schedule(interval_seconds, site.clock())

    def run(self) -> None:
        """Sample until the site says that it is time to stop."""
        try:
            while True:
                self._site.pause(self._until_due())
                try:
                    self._sample_until_it_fails()
                # A library may raise anything for a sensor that was pulled out; opening it anew mends most of it.
                except Exception as error:
                    asked_seconds = error.retry_seconds if isinstance(error, AskedToWaitError) else None
                    self._schedule.failed(self._site.clock(), asked_seconds)
                    self._hand_over(failed(error, self._until_due()))
        except Stopped:
            return

    def _sample_until_it_fails(self) -> None:
        with closing(self._open_source()) as source:
            while True:
                sample = source.sample()
                time_ns = self._wall_ns()
                parts = [Part("", self._kind, sample)] if isinstance(sample, Mapping) else sample
                interval = source.interval_seconds() if isinstance(source, Paced) else None
                self._schedule.succeeded(self._site.clock(), interval)
                self._hand_over(Measured(time_ns, parts, source.figures(), self._until_due()))
                self._site.pause(self._until_due())

    def _until_due(self) -> float:
        return max(0.0, self._schedule.due - self._site.clock())
