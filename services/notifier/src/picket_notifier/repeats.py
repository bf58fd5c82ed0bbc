"""Decide which of many faults alike Sentry gets: one a cool-down that grows, and the number of the rest."""

from typing import NamedTuple

FIRST_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
MOST_KEYS = 1000

Key = tuple[str, ...]


class Seen(NamedTuple):
    """When one of a kind was last sent, for how long none is sent, and which were left out since."""

    sent_at: float
    cooldown: float
    left_out: int = 0
    last_at: float = 0.0


class Repeats:
    """Goes by the faults' own times, so that an outage's spool is thinned out as it would have been without one.

    A kind that never rests: 7 events in its first hour, then one an hour. It is kept in memory alone: a restart lets
    one more through.
    """

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._seen: dict[Key, Seen] = {}

    def left_out(self, key: Key, at: float) -> int | None:
        """Return how many were left out before this one; None if this one is left out too."""
        seen = self._seen.get(key)
        if seen is None or not 0 <= at - seen.sent_at < seen.cooldown:
            return seen.left_out if seen else 0
        if at > seen.last_at:  # the same one may be asked for again
            self._seen[key] = seen._replace(left_out=seen.left_out + 1, last_at=at)
        return None

    def sent(self, key: Key, at: float) -> None:
        """Note that one was sent."""
        seen = self._seen.pop(key, None)
        rested = seen is None or not 0 <= at - seen.sent_at < seen.cooldown + LONGEST_SECONDS
        cooldown = FIRST_SECONDS if seen is None or rested else min(2 * seen.cooldown, LONGEST_SECONDS)
        self._seen[key] = Seen(at, cooldown)
        if len(self._seen) > MOST_KEYS:
            del self._seen[next(iter(self._seen))]
