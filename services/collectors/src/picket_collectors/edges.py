"""How often something began: counted here, over restarts, because what a board counts itself is cleared by others."""

from collections.abc import Mapping, Sequence

from picket_collectors.store import Store

SAVE_SECONDS = 600.0


class Edges:
    """Counts the beginnings of flags; time is an argument. What begins and ends between two looks is not seen."""

    def __init__(self, names: Sequence[str], store: Store) -> None:
        """Go on from what was counted before; what was on then, and is still, has not begun anew."""
        self._store = store
        self._saved_at = float("-inf")
        kept = store.load()
        self.counts: dict[str, int] = {name: int(kept.get(f"{name}_count", 0)) for name in names}
        self._on: dict[str, bool] = {name: bool(kept.get(f"{name}_on")) for name in names}
        self._saved = self._memory()

    def look(self, flags: Mapping[str, float | None], now: float) -> None:
        """Note how the flags are; a memory card is spared, so this is saved every ten minutes only."""
        for name, was_on in self._on.items():
            flag = flags.get(name)
            if flag is not None:
                self._on[name] = flag > 0
                self.counts[name] += flag > 0 and not was_on
        if now - self._saved_at >= SAVE_SECONDS:
            self.save(now)

    def save(self, now: float) -> None:
        """Save what has changed."""
        if (memory := self._memory()) != self._saved:
            self._store.save(memory)
            self._saved, self._saved_at = memory, now

    def _memory(self) -> dict[str, int]:
        counts = {f"{name}_count": count for name, count in self.counts.items()}
        return {**counts, **{f"{name}_on": int(on) for name, on in self._on.items()}}
