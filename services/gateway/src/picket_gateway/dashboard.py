"""What balena's dashboard and this device tell each other: release and name come from there, health goes there.

A visit a minute to the supervisor, in a thread of its own: it may take seconds, which the loop does not have. Where
there is no supervisor, nothing happens.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from picket.service import Runtime
from picket.supervisor import Supervisor, SupervisorError, UnknownToSupervisorError, as_name, remember
from picket_gateway.heartbeat import ServiceHealth

VISIT_SECONDS = 60.0
FIRST_VISIT_SECONDS = 15.0  # by then the services have been heard, and at the next one who never was is missed
FAILURES = 3  # at power-up the supervisor is later than this
LONGEST_TAG = 120


class Visit(NamedTuple):
    """What one visit brought; None is unknown."""

    release: str | None = None
    name: str | None = None
    tags_delivered: Mapping[str, str] | None = None
    takes_tags: bool = True
    error: str = ""


class Dashboard:
    """Knows release and name as last heard, and sees to the tags."""

    def __init__(
        self,
        runtime: Runtime,
        services: Callable[[float], Mapping[str, ServiceHealth]],
        version: str,
        learned: Callable[[], None],
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Begin the visits; `learned()` is called when release or name is another than before."""
        self.release = environment.get("PICKET_RELEASE", "")
        self.name = ""
        self._supervisor = Supervisor.of(environment)
        self._visitor: Thread | None = None
        if self._supervisor is None:
            return
        self._runtime = runtime
        self._services = services
        self._version = version
        self._learned = learned
        # What the services of this device read its name from, if it is not named by us.
        self._name_file = environment.get("PICKET_DEVICE_FROM", "")
        self._release_is_given = bool(self.release)
        self._remembered = runtime.config.device
        self._delivered: Mapping[str, str] = {}
        self._takes_tags = True
        self._failures = 0
        self._brought: list[Visit] = []
        runtime.loop.on_wake(self._take_in)
        runtime.loop.at(runtime.loop.now() + FIRST_VISIT_SECONDS, self._begin_visits)

    def _begin_visits(self) -> None:
        self._runtime.loop.every(VISIT_SECONDS, self._begin_visit)
        self._begin_visit()

    def _begin_visit(self) -> None:
        if self._visitor and self._visitor.is_alive():
            return
        tags = {"picket_health": health_tag(self._services(self._runtime.loop.now())), "picket_version": self._version}
        news = tags if self._takes_tags and tags != self._delivered else None
        self._visitor = Thread(target=self._visit, args=(news,), name="dashboard", daemon=True)
        self._visitor.start()

    def _visit(self, tags: Mapping[str, str] | None) -> None:
        assert self._supervisor
        self._brought.append(visit(self._supervisor, tags))
        self._runtime.loop.wake()

    def _take_in(self) -> None:
        while self._brought:
            self._learn(self._brought.pop(0))

    def _learn(self, brought: Visit) -> None:
        before = self.release, self.name
        if brought.release is not None and not self._release_is_given:
            self.release = brought.release
        if brought.name is not None:
            self.name = brought.name
            self._judge_name(as_name(brought.name))
        if brought.tags_delivered is not None:
            self._delivered = brought.tags_delivered
        self._takes_tags = self._takes_tags and brought.takes_tags
        self._failures = self._failures + 1 if brought.error else 0
        if self._failures >= FAILURES:
            self._runtime.health.begin("supervisor", brought.error)
        elif not brought.error:
            self._runtime.health.end("supervisor")
        if (self.release, self.name) != before:
            self._learned()

    def _judge_name(self, name: str) -> None:
        device = self._runtime.config.device
        if not self._name_file or not name:
            return
        try:
            if name != self._remembered:
                remember(name, Path(self._name_file))
                self._remembered = name
        except OSError as error:
            self._runtime.health.begin("device name", f"{name} can't be remembered: {error.strerror}")
            return
        if name == device:
            self._runtime.health.end("device name", "is that of the dashboard again")
        else:
            text = f"the dashboard calls this device {name}; its services know it as {device} until they are restarted"
            self._runtime.health.begin("device name", text)


def visit(supervisor: Supervisor, tags: Mapping[str, str] | None) -> Visit:
    """Ask for release and name, and deliver tags where there are new ones; blocks for some seconds at most."""
    release = name = None
    try:
        release = supervisor.release()
        name = supervisor.device_name()
        if tags is not None:
            supervisor.set_tags(tags)
    except UnknownToSupervisorError:
        # Older than the tags: they are left out from now on. The rest is as old as Picket needs.
        return Visit(release, name, takes_tags=False)
    except SupervisorError as error:
        return Visit(release, name, error=str(error))
    return Visit(release, name, tags)


def health_tag(services: Mapping[str, ServiceHealth]) -> str:
    """Say in a few words how the services are: "ok", or "silent: hub; degraded: relay, recorder"."""
    if not services:
        return "starting"
    parts = []
    for state in ("silent", "degraded"):
        if names := sorted(name for name, service in services.items() if service.state == state):
            parts.append(f"{state}: {', '.join(names)}")
    text = "; ".join(parts) or "ok"
    return text if len(text) <= LONGEST_TAG else f"{text[: LONGEST_TAG - 1]}…"
