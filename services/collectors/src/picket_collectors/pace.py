"""How often what speaks by itself is published: once an interval a part, at once when a switch or a fault changes."""

from picket_collectors.source import Part, Values

EARLY_SECONDS = 0.05  # what speaks every interval may be so much before its time


class Pace:
    """Holds back what comes too soon, and merges it; time is an argument."""

    def __init__(self, interval_seconds: float) -> None:
        """Let the first of each part through."""
        self._interval = interval_seconds - EARLY_SECONDS
        self._published_at: dict[str, float] = {}
        self._switches: dict[str, Values] = {}
        self._faulty: dict[str, bool] = {}
        self._waiting: dict[str, Part] = {}
        self._ready: list[Part] = []

    def offer(self, part: Part, now: float) -> None:
        """Take what a part said; what it said before, and is not published yet, is kept where this says nothing."""
        waiting = self._waiting.pop(part.name, None)
        if not part.values:  # a fault, or its end, which nobody is to wait for
            self._ready += [waiting, part] if waiting else [part]
            return
        if waiting:
            values, switches = {**waiting.values, **part.values}, waiting.switches | part.switches
            part = part._replace(values=values, switches=switches)
        known = self._switches.setdefault(part.name, {})
        states = {name: part.values[name] for name in part.switches if name in part.values}
        changed = any(known.get(name) != state for name, state in states.items())
        changed |= bool(part.fault) != self._faulty.get(part.name, False)
        self._switches[part.name] = {**known, **states}
        self._faulty[part.name] = bool(part.fault)
        if changed or now - self._published_at.get(part.name, float("-inf")) >= self._interval:
            self._published_at[part.name] = now
            self._ready.append(part)
        else:
            self._waiting[part.name] = part

    def due(self, now: float) -> list[Part]:
        """Return what is to be published now, in the order in which it came."""
        for name in list(self._waiting):
            if now - self._published_at[name] >= self._interval:
                self._published_at[name] = now
                self._ready.append(self._waiting.pop(name))
        ready, self._ready = self._ready, []
        return ready
