"""Do the steps of a plan, for one release."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from picket_fleet.agent import downtime
from picket_fleet.agent.container import CONFIG_LABEL, networks, volume_names, wanted
from picket_fleet.agent.downtime import Downtimes
from picket_fleet.agent.errors import AgentError, EngineError, RejectedError, SpaceError, TargetError
from picket_fleet.agent.folder import Progress, sync
from picket_fleet.agent.gate import Gate, Watched
from picket_fleet.agent.hands import Hands
from picket_fleet.agent.locks import Locks
from picket_fleet.agent.means import Means
from picket_fleet.agent.observe import observe
from picket_fleet.agent.obtain import Watch
from picket_fleet.agent.plan import Current, Goal, Kind, Step, matching
from picket_fleet.agent.report import Doing
from picket_fleet.agent.target import Release, Target

ATTEMPTS = 3
LOOK_SECONDS = 0.25
OVERRIDE = ("BALENA_SUPERVISOR_OVERRIDE_LOCK", "RESIN_SUPERVISOR_OVERRIDE_LOCK", "RESIN_OVERRIDE_LOCK")

Result = TypeVar("Result")


class Steps:
    """One release's way onto the engine."""

    def __init__(
        self, means: Means, release: Release, good: Release | None, target: Target, is_return: bool = False
    ) -> None:
        """Look up what the release wants; raises RejectedError where that makes no sense."""
        self._folder, self._engine, self._obtaining = means.folder, means.engine, means.obtaining
        self._settings, self._teller, self._pause = means.settings, means.teller, means.pause
        self._release, self._good, self._target, self._is_return = release, good, target, is_return
        try:
            self._wanted = wanted(release, means.host())
            self._networks = networks(release)
        except (TargetError, ValueError, TypeError, AttributeError) as error:
            raise RejectedError(str(error)) from None
        info = self._engine.get("/info")
        if "containerd.snapshotter" in str(info.get("DriverStatus")):
            raise AgentError("the engine keeps images in containerd: set features.containerd-snapshotter to false")
        self._root = Path(info["DockerRootDir"])
        self._downtimes = Downtimes()
        self._hands = Hands(self._engine, release, self._wanted)
        self._locks = Locks(Path(self._settings.lock_folder) / str(release.app_id))
        self._locks.sweep()
        self._locks.prepare(self._wanted)
        self._handlers: dict[Kind, Callable[[Step], None]] = {
            Kind.DOWNLOAD: self._download,
            Kind.LOAD: self._load,
            Kind.SYNC: lambda _: sync(self._root),
            Kind.PREPARE: self._prepare,
            Kind.CREATE: self._create,
            Kind.LOCK: self._lock,
            Kind.STOP: self._stop,
            Kind.START: self._start,
            Kind.HAND_OVER: self._hand_over,
            Kind.RENAME: self._rename,
            Kind.JUDGE: self._judge,
            Kind.RECORD: self._record,
            Kind.CLEAN: self._clean,
        }

    def do(self, step: Step) -> None:
        """Write down what is begun, and do it."""
        self._folder.begin(Progress(step.kind, self._release.commit, step.services))
        self._handlers[step.kind](step)

    def goal(self) -> Goal:
        """Return what is to be, as it is known now."""
        good = self._good
        return Goal(
            containers=self._wanted,
            volumes=volume_names(self._release),
            networks={name: body["Labels"][CONFIG_LABEL] for name, body in self._networks.items()},
            proved=good is not None and good.digest == self._release.digest,
            is_return=self._is_return,
            own_images=self._folder.own_images(),
            kept_images=good.image_ids if good else (),
        )

    def settle(self) -> None:
        """Take note that all is as it should be."""
        self._folder.clear_downloads()
        self._folder.begin(Progress(Kind.IDLE, self._release.commit))
        self._tell("done")

    def release_locks(self) -> None:
        """Give the services' locks back."""
        self._locks.release()

    def _download(self, step: Step) -> None:
        self._tell("downloading", step.services, "Downloading", 0)

        def went(percent: int) -> None:
            self._tell("downloading", step.services, "Downloading", percent)

        watch = Watch(went, lambda: self._pause(0))
        base = self._base()
        try:
            self._obtaining.download(self._release, base, self._target.offer, watch)
        except SpaceError:
            self._make_room()
            self._obtaining.download(self._release, base, self._target.offer, watch)

    def _load(self, step: Step) -> None:
        try:
            self._obtaining.load(self._release, self._base(), lambda: self._pause(0))
        except SpaceError:
            self._make_room()
            self._obtaining.load(self._release, self._base(), lambda: self._pause(0))
        self._tell("downloaded", step.services, "Downloaded")

    def _base(self) -> Release | None:
        """Return the release that a delta may be from."""
        images = observe(self._engine).images
        return self._good if self._good and self._obtaining.is_base(self._good, images) else None

    def _make_room(self) -> None:
        """Remove the images that neither the target nor the good release needs."""
        needed = {*self._release.image_ids, *(self._good.image_ids if self._good else ())}
        self._remove_images(tuple(self._folder.own_images() - needed))

    def _prepare(self, _step: Step) -> None:
        self._insist("networks and volumes", lambda: self._hands.prepare(self._networks))

    def _create(self, step: Step) -> None:
        [name] = step.services
        self._tell("applying changes", step.services, "Installing")
        self._insist(f"service {name}", lambda: self._hands.create(self._wanted[name]))
        self._teller.say(f"Installed service '{name}'")

    def _lock(self, _step: Step) -> None:
        services = {container.service for container in observe(self._engine).containers if container.is_up}
        override = any(self._target.config.get(name) in ("1", "true") for name in OVERRIDE)
        patience = self._settings.first_retry_seconds
        while holder := self._locks.take(services, override=override):
            self._tell("downloaded")
            self._teller.say(f"Updates are locked by {holder}, retrying in {patience:g}s")
            self._pause(patience)
            patience = min(2 * patience, self._settings.last_retry_seconds)

    def _stop(self, step: Step) -> None:
        self._downtimes.stop(step.services, time.monotonic())
        self._let_go(step)

    def _let_go(self, step: Step) -> None:
        self._tell("applying changes")
        for service in step.services:
            self._teller.say(f"Killing service '{service}'")
        self._hands.stop(step.containers)

    def _start(self, step: Step) -> None:
        [name] = step.services
        self._tell("applying changes", step.services, "Starting")
        self._locks.expect_handover(name)
        self._teller.say(f"Starting service '{name}'")
        self._insist(f"service {name}", lambda: self._hands.start(self._wanted[name]))

    def _hand_over(self, step: Step) -> None:
        [name] = step.services
        deadline = time.monotonic() + self._wanted[name].handover_seconds
        while not self._locks.is_handed_over(name) and time.monotonic() < deadline:
            self._pause(LOOK_SECONDS)
        self._let_go(step)

    def _rename(self, step: Step) -> None:
        for name in step.services:
            self._hands.rename(self._wanted[name])

    def _judge(self, _step: Step) -> None:
        self._locks.release()
        self._tell("applying changes")
        proved = set(self._good.images.values()) if self._good else set()
        fresh = [name for name, service in self._wanted.items() if self._good and service.image not in proved]
        settings = self._settings
        gate = Gate(settings.health_seconds, settings.health_deadline_seconds, time.monotonic(), fresh)
        while not (verdict := gate.update(self._look(), time.monotonic())):
            self._pause(min(1.0, settings.health_seconds / 4))
        if isinstance(verdict, str):
            raise RejectedError(verdict)

    def _look(self) -> list[Watched]:
        watched = self._watched(observe(self._engine))
        self._downtimes.look(watched, time.monotonic())
        return watched

    def _watched(self, current: Current) -> list[Watched]:
        return [
            Watched(name, matching(current, service), not service.keeps_running)
            for name, service in self._wanted.items()
            if service.running
        ]

    def _record(self, _step: Step) -> None:
        sync(self._root)
        self._folder.write("good.json", msgspec.json.encode(self._release))
        self._good = self._release
        downtime.keep(self._folder, self._downtimes.seconds)

    def _clean(self, step: Step) -> None:
        self._hands.remove(step.containers, step.networks)
        self._remove_images(step.images)

    def _remove_images(self, images: tuple[str, ...]) -> None:
        for image in images:
            self._hands.remove_image(image)
            self._folder.forget_image(image)

    def _insist(self, what: str, action: Callable[[], Result]) -> Result:
        """Do something a few times before the release is found to be at fault."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return action()
            except EngineError as error:
                reason = error
            self._pause(attempt * self._settings.first_retry_seconds)
            self._engine.get("/info")  # an engine that is about to stop refuses all kinds of things
        raise RejectedError(f"{what}: {reason}")

    def _tell(
        self, update_status: str, services: Sequence[str] = (), status: str = "", progress: int | None = None
    ) -> None:
        if not self._is_return:
            self._teller.tell(Doing(self._release, update_status, dict.fromkeys(services, status), progress))
