"""Percentiles over the last figures: cheap to feed, sorted only when asked."""

from collections import deque


class Percentiles:
    """A window of the last `size` figures."""

    def __init__(self, size: int = 1000) -> None:
        """Begin empty."""
        self._figures: deque[float] = deque(maxlen=size)
        self.count = 0

    def add(self, figure: float) -> None:
        """Note one figure."""
        self._figures.append(figure)
        self.count += 1

    def summary(self) -> dict[str, float]:
        """Return {"count", "p50", "p99", "max"}; only the count where there is nothing yet."""
        if not self._figures:
            return {"count": 0}
        ranked = sorted(self._figures)
        last = len(ranked) - 1
        return {
            "count": self.count,
            "p50": round(ranked[last // 2], 3),
            "p99": round(ranked[int(last * 0.99)], 3),
            "max": round(ranked[-1], 3),
        }
