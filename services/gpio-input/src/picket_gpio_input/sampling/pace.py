"""How regularly the samples of an input come."""

from collections import deque
from typing import Any

REMEMBERED = 500
OVERRUN = 2.0  # so many times the usual interval
RECENT = 1 / 64


class Pace:
    """The last intervals of one input; fed by the sampler's thread, read by any other."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._last: float | None = None
        self.waiting_since: float | None = None  # the next sample is due; None: none is
        self.usual_seconds = 0.0
        self._intervals: deque[float] = deque(maxlen=REMEMBERED)
        self.overruns = 0

    def begin(self, now: float) -> None:
        """Take in that samples may come from now on."""
        self.waiting_since = now

    def add(self, now: float) -> None:
        """Take in when a sample came."""
        last, self._last = self._last, now
        self.waiting_since = now
        if last is None:
            return
        interval = now - last
        self._intervals.append(interval)
        if not self.usual_seconds:
            self.usual_seconds = interval
        elif interval > OVERRUN * self.usual_seconds:
            self.overruns += 1
        self.usual_seconds += (interval - self.usual_seconds) * RECENT

    def pause(self) -> None:
        """Take in that no samples come any more: the time until the next is no interval."""
        self._last = self.waiting_since = None
        self._intervals.clear()

    def figures(self) -> dict[str, Any]:
        """Return the samples per second and the interval's median and 99th percentile in milliseconds."""
        ranked = sorted(self._intervals)  # copied first, and in C: the other thread can't come in between
        if not ranked:
            return {"per_second": 0.0, "interval_ms": None, "overruns": self.overruns}
        last = len(ranked) - 1
        return {
            "per_second": round(len(ranked) / sum(ranked), 2),
            "interval_ms": [round(1000 * ranked[last // 2], 2), round(1000 * ranked[int(last * 0.99)], 2)],
            "overruns": self.overruns,
        }
