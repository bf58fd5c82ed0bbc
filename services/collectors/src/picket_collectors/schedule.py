"""When to sample next: on a grid of whole intervals, and ever less often while it fails. Time is an argument."""

import random
from collections.abc import Callable

from picket.backoff import Backoff

FIRST_WITHIN_SECONDS = 2.0
FIRST_RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 300.0
LAST_RETRY_INTERVALS = 10


class Schedule:
    """`due` is when to sample next."""

    def __init__(self, interval_seconds: float, now: float, chance: Callable[[], float] = random.random) -> None:
        """Begin soon, but not at the same moment as every other collector of the device."""
        self._interval = interval_seconds
        self._retries = Backoff(
            min(interval_seconds, FIRST_RETRY_SECONDS),
            min(interval_seconds * LAST_RETRY_INTERVALS, LAST_RETRY_SECONDS),
            jitter=lambda: 0.9 + 0.2 * chance(),
        )
        self._deadline = self.due = now + chance() * min(interval_seconds, FIRST_WITHIN_SECONDS)

    def succeeded(self, now: float, interval_seconds: float | None = None) -> None:
        """Go on at the next deadline that is still to come: a slow sample shifts none, a missed one is not made up.

        Another interval than the usual one counts from the deadline that was due.
        """
        interval = interval_seconds or self._interval
        late = max(0.0, now - self._deadline)
        self._deadline += interval * (1 + late // interval)
        self.due = self._deadline
        self._retries.reset()

    def failed(self, now: float, asked_seconds: float | None = None) -> None:
        """Try again later, twice as late each time, a tenth more or less; or when the other side asks for it."""
        self.due = now + self._retries.next_seconds(asked_seconds)
