"""Too many pulses too short to count: a contact that chatters, or radio."""

from collections import deque

from picket.config.schema import Input

# What follows so many short pulses at once is one of them that the sampling ran together.
AMONG_PULSES, AMONG_SECONDS = 2, 1.0


class Chatter:
    """Short pulses of one input; chattering is trouble until there have been few for as long as it took to tell."""

    def __init__(self, settings: Input) -> None:
        """Begin quiet."""
        self._settings = settings
        self._short: deque[float] = deque(maxlen=max(AMONG_PULSES, settings.chatter_pulses))
        self._until = 0.0
        self.text = ""

    def pulse(self, now: float) -> None:
        """Take in that a pulse was too short."""
        self._short.append(now)
        settings = self._settings
        first = self._short[-settings.chatter_pulses] if len(self._short) >= settings.chatter_pulses > 0 else None
        if first is not None and now - first <= settings.chatter_seconds:
            self.text = f"chatters: {settings.chatter_pulses} short pulses in {now - first:.1f} s"
            self._until = now + settings.chatter_seconds
        elif self.text:
            self._until = now + settings.chatter_seconds

    def update(self, now: float) -> str:
        """Return what the trouble is, or nothing."""
        if self.text and now >= self._until:
            self.text = ""
        return self.text

    def among(self, now: float) -> bool:
        """Tell whether short pulses come so close that what lasts longer is likely more of them."""
        return len(self._short) >= AMONG_PULSES and now - self._short[-AMONG_PULSES] <= AMONG_SECONDS
