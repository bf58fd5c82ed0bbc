"""Whether an input is sampled at its rate; looked at every few seconds, and slow to say no.

A machine that is busy holds up the sampler, the looks, or both, for seconds. So one bad look says nothing, one that
comes much too late or too soon is none, and what has begun ends only after good looks in a row.
"""

from collections import deque
from typing import NamedTuple

STALE_SECONDS = 1.0  # without a sample, at the least
STALE_INTERVALS = 20
STALE_LOOKS = 2  # in a row, and without a sample between them
SLOW_SHARE = 0.5  # of the samples that are expected at the least
SLOW_LOOKS = 6
GOOD_LOOKS = 2
SOONEST_SECONDS, LATEST_SECONDS = 0.5, 10.0  # from look to look


class Look(NamedTuple):
    """When somebody looked, and how many samples there had been."""

    now: float
    samples: int


class Watch:
    """One input's looks; times are monotonic seconds."""

    def __init__(self, least_per_second: float) -> None:
        """Expect so many samples a second at the least."""
        self._least_per_second = least_per_second
        self._looks: deque[Look] = deque(maxlen=SLOW_LOOKS + 1)
        self._stale = self._slow = self._good = 0  # so many in a row, by now
        self._trouble = ""

    def look(self, now: float, samples: int, waiting_since: float | None, usual_seconds: float) -> str:
        """Return what is wrong, or "".

        `samples` counts all so far; `waiting_since` is the time of the last, or of the sampling's begin, and None while
        none is due, for the chip is lost; `usual_seconds` is the usual interval, 0 if there was none.
        """
        if waiting_since is None:
            self._forget()
            return ""
        last = self._looks[-1] if self._looks else None
        if last and now - last.now < SOONEST_SECONDS:
            return self._trouble
        self._looks.append(Look(now, samples))
        if last and now - last.now <= LATEST_SECONDS:
            self._judge(now - last.now, samples - last.samples, now - waiting_since, usual_seconds)
        return self._trouble

    def _judge(self, seconds: float, came: int, waiting_seconds: float, usual_seconds: float) -> None:
        patience = max(STALE_SECONDS, STALE_INTERVALS * max(usual_seconds, 1 / self._least_per_second))
        stale = waiting_seconds > patience
        # One more may just be due.
        slow = came + 1 <= SLOW_SHARE * self._least_per_second * seconds
        self._stale = (self._stale if came == 0 else 0) + 1 if stale else 0
        self._slow = self._slow + 1 if slow else 0
        self._good = 0 if stale or slow else self._good + 1
        if self._stale >= STALE_LOOKS:
            self._trouble = f"not sampled for {waiting_seconds:.0f} s"
        elif self._slow >= SLOW_LOOKS:
            least = _figure(self._least_per_second)
            self._trouble = f"sampled {_figure(self._per_second())} times a second: expected {least} at the least"
        elif self._good >= GOOD_LOOKS:
            self._trouble = ""

    def _per_second(self) -> float:
        first, last = self._looks[0], self._looks[-1]
        return (last.samples - first.samples) / (last.now - first.now)

    def _forget(self) -> None:
        self._looks.clear()
        self._stale = self._slow = self._good = 0
        self._trouble = ""


def _figure(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"
