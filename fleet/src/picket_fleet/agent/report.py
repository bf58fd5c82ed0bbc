"""Say to the server what there is on this device: what differs from what it was told, and not too often."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from picket_fleet.agent.errors import AgentError
from picket_fleet.agent.plan import Container
from picket_fleet.agent.target import Release

METRICS_SECONDS = 300.0
SOON_SECONDS = 0.5  # for what somebody may wait for
LAST_RETRY_SECONDS = 60.0
STATES = {"created": "Installed", "running": "Running", "restarting": "Running", "paused": "Stopped"}


class Doing(msgspec.Struct, frozen=True):
    """What is being done about a release; `statuses` are of services where the engine does not know better."""

    release: Release
    update_status: str  # downloading, downloaded, applying changes, done, rejected, aborted
    statuses: Mapping[str, str] = {}
    progress: int | None = None  # percent of the download
    reason: str = ""  # why it is rejected, or does not go on


def apps(doing: Doing | None, good: Release | None, containers: tuple[Container, ...]) -> dict[str, Any]:
    """Return the reports of releases: the one that is to run and, until it does, the one that runs (pure)."""
    release = doing.release if doing else good
    if release is None:
        return {}
    releases: dict[str, Any] = {}
    if doing:
        releases[doing.release.commit] = _release(doing.release, containers, doing)
    if good and good.commit not in releases:
        releases[good.commit] = {**_release(good, containers, None), "update_status": "done"}
    said: dict[str, Any] = {"releases": releases}
    if good:
        said["release_uuid"] = good.commit
    return {release.app_uuid: said}


def unseen(release: Release, good: Release | None, reason: str) -> dict[str, Any]:
    """Return the reports of releases while nothing can be seen of containers: what was told of them counts no more."""
    statuses = dict.fromkeys(release.state.services, "unknown")
    return apps(Doing(release, "aborted", statuses, reason=reason), good, ())


def _release(release: Release, containers: tuple[Container, ...], doing: Doing | None) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for name in sorted(release.state.services):
        found = [c for c in containers if c.service == name and c.name.endswith(f"_{release.commit}")]
        status = STATES.get(found[0].state, "exited") if found else ""
        if status == "exited" and not release.state.services[name].running:
            status = "Stopped"
        status = doing.statuses.get(name, status) if doing else status
        if doing and not status and doing.update_status != "rejected":
            status = "Downloaded"
        if not status:
            continue  # of the release before, another one is there already
        services[name] = {"image": release.state.services[name].image, "status": status}
        if found and found[0].restarts:
            services[name]["restarts"] = found[0].restarts
        if found and found[0].health == "unhealthy":
            services[name]["health"] = "unhealthy"
        if doing and doing.progress is not None and status == "Downloading":
            services[name]["download_progress"] = doing.progress
    said: dict[str, Any] = {"services": services}
    if doing:
        said["update_status"] = doing.update_status
        if doing.reason:
            said["reason"] = doing.reason
    return said


def difference(told: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the server does not know as they are (pure)."""
    return {field: value for field, value in now.items() if told.get(field) != value}


class Reporter:
    """A thread that tells the server; `look` is asked for what there is, `measure` for metrics."""

    def __init__(
        self,
        uuid: str,
        look: Callable[[], dict[str, Any]],
        measure: Callable[[], dict[str, Any]],
        send: Callable[[bytes], None],
        gap_seconds: float,
    ) -> None:
        """Begin with a server that knows nothing."""
        self._uuid, self._look, self._measure, self._send = uuid, look, measure, send
        self._gap_seconds = gap_seconds
        self._told: dict[str, Any] = {}
        self._metrics: dict[str, Any] = {}
        self._measured_at = -METRICS_SECONDS
        self._wake = threading.Event()
        self._is_urgent = False
        self._is_over = False
        self.trouble = ""  # why the last report did not arrive

    def soon(self) -> None:
        """Have what there is told within a second."""
        self._is_urgent = True
        self._wake.set()

    def stop(self) -> None:
        """End the thread, after a last report."""
        self._is_over = True
        self._wake.set()

    def run(self) -> None:
        """Report until stopped."""
        retry = 1.0
        while not self._is_over:
            self._wake.wait(self._gap_seconds if not self.trouble else retry)
            self._wake.clear()
            if self._is_urgent and not self._is_over:
                self._is_urgent = False
                time.sleep(SOON_SECONDS)  # what comes together is told together
            self.report()
            retry = min(2 * retry, LAST_RETRY_SECONDS) if self.trouble else 1.0

    def report(self) -> None:
        """Tell what differs now."""
        try:
            if time.monotonic() - self._measured_at >= METRICS_SECONDS:
                self._metrics, self._measured_at = self._measure(), time.monotonic()
            now = {**self._metrics, **self._look()}
            if changed := difference(self._told, now):
                self._send(msgspec.json.encode({self._uuid: changed}))
                self._told.update(now)
            self.trouble = ""
        except (AgentError, OSError) as error:
            self.trouble = str(error)
