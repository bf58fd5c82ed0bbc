"""Judge whether a release runs as it should (pure; times are monotonic seconds)."""

from collections.abc import Sequence
from typing import NamedTuple

from picket_fleet.agent.plan import Container

MOST_RESTARTS = 3  # one that waits for another service by giving up now and then is no failure


class Watched(NamedTuple):
    """A service and its container; one that may end by itself has done well when it ended with 0."""

    service: str
    container: Container | None
    may_end: bool


class Gate:
    """Opens when all services have run for `stable_seconds` without a restart, and healthily where that is checked."""

    def __init__(self, stable_seconds: float, deadline_seconds: float, began: float, fresh: Sequence[str]) -> None:
        """Begin at the time `began`; of `fresh` services every restart counts, of others those from now on."""
        self._stable_seconds = stable_seconds
        self._deadline = began + max(deadline_seconds, stable_seconds)
        self._fresh = set(fresh)
        self._restarts_before: dict[str, int] = {}
        self._since: dict[str, tuple[tuple[str, int], float]] = {}

    def update(self, watched: Sequence[Watched], now: float) -> bool | str:
        """Return True when the release has proved itself, why it failed, or False when neither is clear yet."""
        waiting = []
        for service, container, may_end in watched:
            if container is None:
                return f"{service}: its container is gone"
            before = self._restarts_before.setdefault(service, 0 if service in self._fresh else container.restarts)
            if container.restarts - before > MOST_RESTARTS:
                return f"{service}: it ended {container.restarts - before} times (last with {container.exit_code})"
            if container.health == "unhealthy":
                return f"{service}: it says that it is not healthy"
            if container.state == "exited" and may_end:
                if container.exit_code:
                    return f"{service}: it ended with {container.exit_code}"
                continue
            if not self._is_stable(service, container, now):
                waiting.append(service)
        if not waiting:
            return True
        if now >= self._deadline:
            return f"{', '.join(waiting)}: not up and well in time"
        return False

    def _is_stable(self, service: str, container: Container, now: float) -> bool:
        if container.state != "running":
            self._since.pop(service, None)
            return False
        run = (container.started_at, container.restarts)
        if self._since.get(service, (None, 0.0))[0] != run:
            self._since[service] = (run, now)
        return container.health in ("", "healthy") and now - self._since[service][1] >= self._stable_seconds
