"""What somebody has an appliance do wrong, for a while or for good."""

FOREVER = float("inf")
CLEAR = "clear"


class Fault:
    """One of some kinds, or "clear", which is none; time is an argument."""

    def __init__(self, *kinds: str) -> None:
        """Begin with none."""
        self._kinds = (*kinds, CLEAR)
        self._kind, self._until = CLEAR, FOREVER

    def begin(self, kind: str, now: float, seconds: float = FOREVER) -> None:
        """Have it for so long; raises ValueError for one of no kind."""
        if kind not in self._kinds:
            raise ValueError(f"expected a fault of {', '.join(self._kinds)}, got {kind}")
        self._kind, self._until = kind, now + seconds

    def at(self, now: float) -> str:
        """Name it at a time."""
        return self._kind if now < self._until else CLEAR
