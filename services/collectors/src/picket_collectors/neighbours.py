"""What other sources of this device measured last, for one that needs it: a gas sensor wants the humidity."""

from collections.abc import Callable

from picket.messages import Message, Reading


class Neighbours:
    """Hears readings on the loop's thread, and is asked on the source's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Have heard nothing yet."""
        self._clock = clock
        self._heard: dict[str, tuple[float, Reading]] = {}

    def hear(self, _topic: str, message: Message) -> None:
        """Keep what a source measured last."""
        if isinstance(message, Reading):
            self._heard[message.source] = (self._clock(), message)

    def value(self, source: str, quantity: str, max_age_seconds: float) -> float | None:
        """Return what `source` measured, if it is no older than that."""
        at, reading = self._heard.get(source, (0.0, None))
        if reading is None or self._clock() - at > max_age_seconds:
            return None
        return reading.values.get(quantity)
