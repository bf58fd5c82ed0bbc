"""What other sources of this device measured last, for one that needs it: a gas sensor wants the humidity."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from picket.errors import WireError
from picket.messages import Reading, decode

PREFIX = "reading."


class Neighbours:
    """Hears readings on the loop's thread, and is asked on the source's."""

    def __init__(self, names: Sequence[str], clock: Callable[[], float]) -> None:
        """Have heard nothing yet of `names`."""
        self._topics = {PREFIX + name for name in names}
        self._clock = clock
        self._heard: dict[str, tuple[float, Reading]] = {}

    def hear(self, topic: str, body: bytes) -> None:
        """Keep a reading of one of them."""
        if topic not in self._topics:  # a subscription is by prefix
            return
        with suppress(WireError):
            reading = decode(topic, body)
            assert isinstance(reading, Reading)
            self._heard[reading.source] = (self._clock(), reading)

    def value(self, source: str, quantity: str, max_age_seconds: float) -> float | None:
        """Return what `source` measured, if it is no older than that."""
        at, reading = self._heard.get(source, (0.0, None))
        if reading is None or self._clock() - at > max_age_seconds:
            return None
        return reading.values.get(quantity)
