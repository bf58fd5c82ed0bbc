"""The agent: one thread converges, one waits for the server's word, one reports, some forward logs."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from picket_fleet.agent import device as devices
from picket_fleet.agent import downtime, identify, listen, logs, metrics, supervisor
from picket_fleet.agent.container import Host, has_feature
from picket_fleet.agent.converge import Converging
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import AgentError, ChangedError
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.listen import Listener
from picket_fleet.agent.locks import Locks
from picket_fleet.agent.means import Means
from picket_fleet.agent.observe import observe
from picket_fleet.agent.obtain import Obtaining
from picket_fleet.agent.report import Doing, Reporter, apps, unseen
from picket_fleet.agent.server import Server
from picket_fleet.agent.supervisor import Status, Supervisor, Tags, key_of
from picket_fleet.agent.target import Target
from picket_fleet.errors import FleetError

STOP_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 300.0  # somebody may have stopped a container by hand

log = logging.getLogger(__name__)


class Agent:
    """The agent of a device."""

    def __init__(self, path: Path) -> None:
        """Read who this is; nothing is asked yet. Raises FleetError."""
        device = self._device = devices.read(path)
        self._settings = device.settings
        self._folder = Folder(path)
        self._engine = Engine(device.engine)
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._is_broken = False
        self._target = self._folder.kept(listen.FILE, Target)
        self._begun: Target | None = None  # what is being worked on
        self._identified: int | None = None  # that was asked before it was there is over
        self._doing: Doing | None = None
        self._pending = logs.Pending()
        self._followers = logs.Followers(self._engine, self._pending)
        self._troubles: dict[str, str] = {}
        self._host = Host(
            uuid=device.uuid,
            name=device.name,
            device_type=device.device_type,
            arch=metrics.architecture(),
            os_version=metrics.os_version(),
            lock_folder=self._settings.lock_folder,
        )
        obtaining = Obtaining(device, self._folder, self._engine, Server(device))
        means = Means(self._folder, self._engine, obtaining, self._as_host, self._settings, self, self._pause)
        self._converging = Converging(means)
        self._listener = Listener(
            device, self._folder, Server(device), self._converging.running, self._hear, self._trouble
        )
        self._tags = Tags(self._folder, Server(device).tag)
        self._supervisor = Supervisor(self._engine, key_of(device.key), self._status, self._tags)
        self._reporter = Reporter(
            device.uuid, self._look, self._measure, Server(device).report, self._settings.report_seconds
        )

    def run(self) -> None:
        """Work until `stop`; raises FleetError where another agent does, and where it has to begin anew."""
        self._folder.claim()
        works: dict[str, Callable[[], None]] = {
            "listen": lambda: self._listener.run(self._stopping),
            "report": self._reporter.run,
            "logs": logs.Sender(Server(self._device), self._pending).run,
            "tags": self._tags.run,
            "supervisor": lambda: self._supervisor.run(self._is_asked),
        }
        threads = {
            name: threading.Thread(target=self._guard, args=(work,), name=name, daemon=True)
            for name, work in works.items()
        }
        for thread in threads.values():
            thread.start()
        log.info("device %s of the fleet at %s", self._device.name or self._device.uuid[:7], self._device.server)
        self._work()
        self._reporter.stop()
        self._pending.end()
        threads["report"].join(STOP_SECONDS)
        if self._is_broken:
            raise FleetError("the agent ends, to begin anew")

    def stop(self) -> None:
        """End; what goes on is given up where it stands."""
        self._stopping.set()
        self._news.set()

    def tell(self, doing: Doing) -> None:
        """Take note of how far it is with a release."""
        before = self._doing
        is_rejected = before is not None and before.update_status == "rejected" and before.release == doing.release
        if is_rejected and doing.update_status == "applying changes" and not doing.statuses:
            return  # it is only looked at once more
        self._doing = doing
        if before is None or (before.update_status, before.reason) != (doing.update_status, doing.reason):
            self._reporter.soon()

    def say(self, message: str) -> None:
        """Write into the device's log, here and at the server."""
        log.info("%s", message)
        self._pending.add(logs.system(message))

    def _guard(self, work: Callable[[], None]) -> None:
        """Work in a thread; an agent that has lost one of them ends, for systemd to start it again."""
        try:
            work()
        except Exception:
            log.exception("this should not happen")
            self._is_broken = True
            self.stop()

    def _work(self) -> None:
        patience = self._settings.first_retry_seconds
        while not self._stopping.is_set():
            self._news.clear()
            target = self._target
            try:
                if target:
                    self._begun = target
                    self._converging.converge(target)
                    self._restart(target)
                self._trouble("update", "")
                patience, wait = self._settings.first_retry_seconds, LOOK_AGAIN_SECONDS
            except ChangedError:
                patience, wait = self._settings.first_retry_seconds, 0.0
            except (FleetError, OSError) as error:
                self._trouble("update", str(error))
                wait, patience = patience, min(2 * patience, self._settings.last_retry_seconds)
            if self._target is target:
                self._news.wait(wait)

    def _pause(self, seconds: float) -> None:
        """Wait; raises ChangedError as soon as what goes on is to be given up."""
        if seconds and not self._is_changed():
            self._news.wait(seconds)
            if not self._is_changed() and not self._stopping.is_set():
                self._news.clear()
        if self._stopping.is_set() or self._is_changed():
            raise ChangedError("there is another target")

    def _is_changed(self) -> bool:
        target, begun = self._target, self._begun  # nearly always the same object, and asked for all the time
        return target is not None and target is not begun and (begun is None or target.digest != begun.digest)

    def _hear(self, target: Target) -> None:
        if self._identified is not None and target.identify > self._identified:
            self._identify()
        self._identified = target.identify
        self._target = target
        self._news.set()

    def _identify(self) -> None:
        def show() -> None:
            self.say("This is the device" if identify.blink() else "This is the device; it has no lamp to blink with")

        threading.Thread(target=show, daemon=True, name="identify").start()

    def _restart(self, target: Target) -> None:
        """Restart what somebody asked for, once: that it was done is written before."""
        kept = self._folder.kept("restarts.json", dict[str, int])
        done = target.restarts if kept is None else kept

        def begin() -> None:
            self._folder.write("restarts.json", msgspec.json.encode(target.restarts))

        services = [name for name, serial in target.restarts.items() if serial > done.get(name, 0)]
        if services and target.release:
            self._converging.restart(target.release, services, begin)
        elif kept is None:
            begin()

    def _trouble(self, subject: str, reason: str) -> None:
        """Say once when something begins not to work, or does so for another reason, and once when it works again."""
        before = self._troubles.get(subject, "")
        self._troubles[subject] = reason
        if reason and reason != before:
            log.warning("%s: %s", subject, reason)
            self._pending.add(logs.system(reason))
            self._reporter.soon()
        elif before and not reason:
            log.info("%s: well again", subject)
            self._reporter.soon()

    def _look(self) -> dict[str, Any]:
        """Return what is to be reported, and follow the logs of what runs."""
        good, doing = self._converging.good(), self._doing
        release = doing.release if doing else good
        try:
            containers = observe(self._engine).containers
        except AgentError as error:
            return {"apps": unseen(release, good, str(error))} if release else {}
        if release:
            ids = {name: service.id for name, service in release.state.services.items()}
            tty = {
                name: service.composition.get("tty", True) is not False
                for name, service in release.state.services.items()
            }
            self._followers.follow(
                [(c.id, ids[c.service], tty[c.service]) for c in containers if c.is_up and c.service in ids]
            )
        trouble = self._troubles.get("update") or self._troubles.get("target") or ""
        if doing and trouble and not doing.reason:
            doing = msgspec.structs.replace(doing, reason=trouble)
        said: dict[str, Any] = {"status": "Idle", "apps": apps(doing, good, containers)}
        if release:
            said["update_locks"] = Locks(Path(self._settings.lock_folder) / str(release.app_id)).held(time.time())
        said["is_quiet"] = self._is_asked() and self._supervisor.is_quiet(time.monotonic())
        return {**said, "downtimes": downtime.kept(self._folder)}

    def _as_host(self) -> Host:
        """Return the device as its services see it; raises AgentError."""
        host = supervisor.address(self._engine)
        return self._host._replace(supervisor=(host, supervisor.PORT, key_of(self._device.key)) if host else None)

    def _status(self) -> Status:
        """Return what services may know."""
        good, doing, target = self._converging.good(), self._doing, self._target
        name = target.name if target else self._device.name
        return Status(name, good.commit if good else None, doing is None or doing.update_status == "done")

    def _is_asked(self) -> bool:
        """Tell whether there is a service that may ask."""
        release = self._target.release if self._target else None
        services = release.state.services.values() if release else ()
        return any(has_feature(one.labels, "supervisor-api") for one in services)

    def _measure(self) -> dict[str, Any]:
        address = urlsplit(self._device.server)
        return {
            **metrics.facts((address.hostname or "", address.port or 443)),
            **metrics.measure(self._folder.path),
        }
