"""How long a part that wears out (a laser, a heater) was on: counted over restarts."""

from picket_collectors.store import Store

SAVE_SECONDS = 600.0


class Lifetime:
    """Counts `seconds`; time is an argument. What ran while nobody counted is not known, and not in it."""

    def __init__(self, part: str, store: Store) -> None:
        """Go on from what was counted before."""
        self._key = f"{part}_seconds"
        self._store = store
        self._on_since: float | None = None
        self._saved_at = float("-inf")
        self.seconds = float(store.load().get(self._key, 0.0))

    def on(self, now: float) -> None:
        """Note that the part is on, if it was not already."""
        if self._on_since is None:
            self._on_since = now

    def off(self, now: float) -> None:
        """Note that it is off, and save."""
        if self._on_since is not None:
            self.count(now)
            self._on_since = None
            self._save(now)

    def count(self, now: float) -> None:
        """Add the time since the last count; a memory card is spared, so it is saved every ten minutes only."""
        if self._on_since is not None:
            self.seconds += now - self._on_since
            self._on_since = now
            if now - self._saved_at >= SAVE_SECONDS:
                self._save(now)

    def _save(self, now: float) -> None:
        self._saved_at = now
        self._store.save({self._key: round(self.seconds, 1)})
