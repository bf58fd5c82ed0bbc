"""Write in a thread of its own: a name server, a proxy or a database may take its time, the service's loop may not."""

import queue
import time
from collections.abc import Callable, Sequence
from threading import Thread

from picket_recorder.influx import AwayError, Influx
from picket_recorder.points import Point
from picket_recorder.rejected import Rejected

Outcome = list[Rejected] | AwayError


class Writer(Thread):
    """Writes what `put` gives it, one batch after the other; a daemon, so that a write under way holds up no end."""

    def __init__(self, influx: Influx, wake: Callable[[], None], fail: Callable[[BaseException], None]) -> None:
        """Call `wake` when there is an outcome, and `fail` with what is no outcome; the thread is not started yet."""
        super().__init__(name="influxdb", daemon=True)
        self._influx = influx
        self._wake = wake
        self._fail = fail
        self._batches: queue.SimpleQueue[Sequence[Point]] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._busy_since: float | None = None

    @property
    def busy_seconds(self) -> float:
        """Tell for how long the write under way has been."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def put(self, points: Sequence[Point]) -> None:
        """Hand over a batch; never blocks."""
        self._busy_since = time.monotonic()
        self._batches.put(points)

    def outcome(self) -> Outcome | None:
        """Return what became of a batch, None while nothing has: the rejected points, or why it is to come again."""
        try:
            outcome = self._outcomes.get_nowait()
        except queue.Empty:
            return None
        self._busy_since = None
        return outcome

    def run(self) -> None:
        """Write batch after batch."""
        try:
            while True:
                points = self._batches.get()
                try:
                    self._outcomes.put(self._influx.write(points))
                except AwayError as error:
                    self._outcomes.put(error)
                self._wake()
        except Exception as error:
            self._fail(error)
