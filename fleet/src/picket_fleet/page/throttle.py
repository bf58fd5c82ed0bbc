"""How often an address may try to log in."""

from collections import deque

TRIES = 5
TRY_SECONDS = 60.0
MOST_ADDRESSES = 1000


class Throttle:
    """Lets an address try some wrong tokens a minute."""

    def __init__(self) -> None:
        """Begin with no failures."""
        self._failed: dict[str, deque[float]] = {}

    def wait_seconds(self, address: str, now: float) -> float:
        """Return for how long an address has to wait, 0 where it may try."""
        failed = self._failed.get(address, deque())
        return max(0.0, failed[0] + TRY_SECONDS - now) if len(failed) == TRIES else 0.0

    def failed(self, address: str, now: float) -> None:
        """Note a wrong token; of very many addresses, those that failed longest ago are forgotten."""
        times = self._failed.pop(address, deque(maxlen=TRIES))
        times.append(now)
        self._failed[address] = times
        if len(self._failed) > MOST_ADDRESSES:
            del self._failed[next(iter(self._failed))]
