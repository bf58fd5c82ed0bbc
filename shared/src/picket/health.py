"""A service's health: what is at fault, said once when it begins and once when it ends, and a beat with figures."""

import logging
import time
from collections.abc import Callable
from typing import Any

from picket.bus.producer import Producer
from picket.messages import Fault, Health

BEAT_SECONDS = 5.0
MOST_REASONS = 5  # logged of one fault: one that tells a figure is worded otherwise every time

log = logging.getLogger("health")

Figure = Callable[[], Any]


class HealthBeat:
    """Keeps the faults of one service and tells the bus of them."""

    def __init__(
        self,
        service: str,
        producer: Producer,
        clock: Callable[[], float] = time.monotonic,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin with nothing at fault."""
        self._service = service
        self._producer = producer
        self._clock = clock
        self._wall_ns = wall_ns
        self._started = clock()
        self._figures: dict[str, Figure] = {
            "bus_pending": lambda: producer.pending,
            "bus_dropped": lambda: producer.dropped,
        }
        self.faults: dict[str, str] = {}
        self._logged: dict[str, set[str]] = {}

    def figure(self, name: str, figure: Figure) -> None:
        """Add a figure to every beat."""
        self._figures[name] = figure

    def figures(self) -> dict[str, Any]:
        """Return what all figures are now."""
        return {name: figure() for name, figure in self._figures.items()}

    def begin(self, subject: str, text: str, traceback: str = "") -> None:
        """Say that `subject` is at fault; another reason is in the next beat, and a few of them are logged."""
        begins = subject not in self.faults
        self.faults[subject] = text
        logged = self._logged.setdefault(subject, set())
        if text not in logged and len(logged) < MOST_REASONS:
            logged.add(text)
            log.error("%s: %s", subject, text)
        if begins:
            self._publish(subject, "begin", text, traceback)

    def end(self, subject: str, text: str = "works again") -> None:
        """Say that `subject` works again, if it was at fault."""
        if self.faults.pop(subject, None) is not None:
            del self._logged[subject]
            log.info("%s: %s", subject, text)
            self._publish(subject, "end", text)

    def beat(self) -> None:
        """Tell the bus how things stand."""
        self._producer.publish(
            f"health.{self._service}",
            Health(
                time_ns=self._wall_ns(),
                service=self._service,
                state="degraded" if self.faults else "ok",
                uptime_seconds=round(self._clock() - self._started, 1),
                faults=dict(self.faults),
                figures=self.figures(),
            ),
        )

    def _publish(self, subject: str, state: Any, text: str, traceback: str = "") -> None:
        self._producer.publish(
            f"fault.{self._service}",
            Fault(
                time_ns=self._wall_ns(),
                service=self._service,
                subject=subject,
                state=state,
                text=text,
                traceback=traceback,
            ),
        )
