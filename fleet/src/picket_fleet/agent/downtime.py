"""For how long services are away at an update: from when they are told to stop until their successors are well."""

from collections.abc import Iterable, Mapping

import msgspec

from picket_fleet.agent.folder import Folder
from picket_fleet.agent.gate import Watched

FILE = "downtimes.json"


class Downtimes:
    """Measures one update; `now` is monotonic seconds."""

    def __init__(self) -> None:
        """Begin with nothing stopped."""
        self._stopped: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def stop(self, services: Iterable[str], now: float) -> None:
        """Note that services are told to stop."""
        self._stopped |= dict.fromkeys(services, now)

    def look(self, watched: Iterable[Watched], now: float) -> None:
        """Note which services are well again."""
        for service, container, _ in watched:
            is_well = container is not None and container.state == "running" and container.health in ("", "healthy")
            if is_well and service in self._stopped:
                self.seconds[service] = round(now - self._stopped.pop(service), 1)


def keep(folder: Folder, seconds: Mapping[str, float]) -> None:
    """Keep what was measured last of each service."""
    if seconds:
        folder.write(FILE, msgspec.json.encode({**kept(folder), **seconds}))


def kept(folder: Folder) -> dict[str, float]:
    """Return for how many seconds each service was away when it was updated last."""
    return folder.kept(FILE, dict[str, float]) or {}
