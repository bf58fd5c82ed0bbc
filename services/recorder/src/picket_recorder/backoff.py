"""How long to wait before the next try: twice as long each time, or as long as the server asks."""

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0
MOST_ASKED_SECONDS = 3600.0


class Backoff:
    """The waits of one outage."""

    def __init__(self) -> None:
        """Begin with the shortest."""
        self._seconds = FIRST_SECONDS

    def failed(self, asked_seconds: float | None = None) -> float:
        """Return the seconds to wait now."""
        seconds = self._seconds
        self._seconds = min(2 * seconds, MOST_SECONDS)
        return seconds if asked_seconds is None else min(max(asked_seconds, FIRST_SECONDS), MOST_ASKED_SECONDS)

    def worked(self) -> None:
        """Begin anew."""
        self._seconds = FIRST_SECONDS
