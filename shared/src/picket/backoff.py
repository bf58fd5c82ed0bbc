"""How long to wait before the next try: twice as long each time, or as long as the other side asks."""

import time
from collections.abc import Callable

LONGEST_ASKED_SECONDS = 3600.0


class Backoff:
    """The waits of one outage, from `first_seconds` to `longest_seconds`."""

    def __init__(
        self,
        first_seconds: float = 1.0,
        longest_seconds: float = 60.0,
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Begin with the shortest; each wait is multiplied by a `jitter`, which keeps many from coming back as one."""
        self._first = first_seconds
        self._longest = longest_seconds
        self._jitter = jitter
        self._next = first_seconds

    def next_seconds(self, asked_seconds: float | None = None) -> float:
        """Return how long to wait now; what the other side asks for is kept to, but for no wait and for hours."""
        seconds, self._next = self._next, min(2 * self._next, self._longest)
        if asked_seconds is not None:
            return min(max(asked_seconds, self._first), LONGEST_ASKED_SECONDS)
        return seconds * self._jitter()

    def reset(self) -> None:
        """Begin anew."""
        self._next = self._first


def retry_after_seconds(header: str | None, wall: Callable[[], float] = time.time) -> float | None:
    """Read Retry-After, seconds or an HTTP date (0.0 for one gone by); None for no header, or for nonsense."""
    if not header:
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    from email.utils import parsedate_to_datetime  # 26 ms, and few servers send a date

    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - wall())
    except (ValueError, OverflowError):
        return None
