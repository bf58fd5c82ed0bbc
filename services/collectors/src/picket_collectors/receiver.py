"""The thread of a source that speaks by itself: opens the stream, receives, and opens it anew when it fails."""

import time
from collections.abc import Callable
from contextlib import closing

from picket.backoff import Backoff
from picket_collectors.outcome import Measured, Outcome, failed
from picket_collectors.pace import Pace
from picket_collectors.schedule import FIRST_RETRY_SECONDS
from picket_collectors.source import Site, Stopped, Stream

# Whoever has a power cut or an open door to tell must not wait for minutes until somebody listens again.
LAST_RETRY_SECONDS = 30.0


class Receiver:
    """Receives one stream for as long as its site lets it."""

    def __init__(
        self,
        open_stream: Callable[[], Stream],
        interval_seconds: float,
        site: Site,
        hand_over: Callable[[Outcome], None],
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Open nothing yet; of each part at most one reading an interval is handed over."""
        self._open_stream = open_stream
        self._site = site
        self._hand_over = hand_over
        self._wall_ns = wall_ns
        self._pace = Pace(interval_seconds)
        self._retries = Backoff(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)

    def run(self) -> None:
        """Receive until the site says that it is time to stop."""
        try:
            while True:
                try:
                    self._receive_until_it_fails()
                # As in the sampler: whatever a library raises, opening the stream anew mends most of it.
                except Exception as error:
                    pause_seconds = self._retries.next_seconds()
                    self._hand_over(failed(error, pause_seconds))
                    self._site.pause(pause_seconds)
        except Stopped:
            return

    def _receive_until_it_fails(self) -> None:
        with closing(self._open_stream()) as stream:
            while True:
                parts = stream.receive()
                time_ns = self._wall_ns()
                self._retries.reset()
                now = self._site.clock()
                for part in parts:
                    # By when it was measured: it may wait for its interval, or have been kept through an outage.
                    dated = part._replace(time_ns=part.time_ns or time_ns)
                    self._pace.offer(dated, now - max(0.0, (time_ns - dated.time_ns) / 1e9))
                self._hand_over(Measured(time_ns, self._pace.due(now), stream.figures(), 0.0))
                self._site.pause(0)
