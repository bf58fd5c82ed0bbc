"""Decide whether the guard is well: its inputs are sampled, and the hub commits."""

from collections.abc import Iterable

from picket.messages import Health

STALE_SECONDS = 20.0  # beats and the journal's answers come every 5 s


class Vitals:
    """Remembers when each sign of life was last seen; `now` is monotonic."""

    def __init__(self, inputs: Iterable[str]) -> None:
        """Begin with nothing seen."""
        self._samples: dict[str, int | None] = dict.fromkeys(inputs)
        self._seen: dict[str, float] = {}
        self._trouble = ""

    def hear(self, health: Health, now: float) -> None:
        """Take in a beat of the hub, or of gpio-input: a counter that is not what it was has advanced."""
        if health.service == "hub":
            self._seen["the hub"] = now
            self._trouble = health.faults.get("journal", "")
        elif health.service == "gpio-input":
            points = health.figures.get("inputs") or {}
            for name, before in self._samples.items():
                samples = (points.get(name) or {}).get("samples")
                if before is not None and samples is not None and samples != before:
                    self._seen[name] = now
                self._samples[name] = samples

    def answered(self, at: float) -> None:
        """Take in when the journal last answered: the thread that commits it is the one that answers."""
        self._seen["the journal"] = at

    def ailment(self, now: float) -> str:
        """Return what is wrong, "" when all is well."""
        lost = [name for name in self._samples if self._stale(name, now)]
        if lost:
            return f"not sampled: {', '.join(lost)}"
        for name in ("the hub", "the journal"):
            if self._stale(name, now):
                return f"{name} is silent"
        return f"the journal {self._trouble}" if self._trouble else ""

    def _stale(self, name: str, now: float) -> bool:
        return now - self._seen.get(name, now - STALE_SECONDS) >= STALE_SECONDS
