"""Decide how much may be said at all: a bucket of so many messages, that fills again evenly."""


class Allowance:
    """Lets a third of an hour's messages through at once, the rest evenly: never more than `per_hour` in any hour."""

    def __init__(self, per_hour: int) -> None:
        """Begin with the full third; `per_hour` is 3 or more."""
        self._most = per_hour // 3
        self._per_second = (per_hour - self._most) / 3600
        self._left = float(self._most)
        self._at = 0.0

    def left(self, now: float) -> float:
        """Return how many messages may be said now; a part of one is on its way."""
        return min(self._most, self._left + max(0.0, now - self._at) * self._per_second)

    def take(self, now: float) -> None:
        """Note that a message was said."""
        self.begin(self.left(now) - 1, now)

    def begin(self, left: float, now: float) -> None:
        """Go on from so many."""
        self._left, self._at = min(self._most, left), now
