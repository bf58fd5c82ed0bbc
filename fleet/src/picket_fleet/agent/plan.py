"""Decide what to do about the difference between what there is and what is wanted (pure)."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import NamedTuple

from picket_fleet.agent.container import Wanted


class Kind(StrEnum):
    """Steps, by the names that progress.json has; see the package's own words."""

    DOWNLOAD = "download"
    LOAD = "load"
    SYNC = "sync"
    PREPARE = "prepare"
    CREATE = "create"
    LOCK = "lock"
    STOP = "stop"
    START = "start"
    HAND_OVER = "hand-over"
    RENAME = "rename"
    JUDGE = "judge"
    RECORD = "record"
    CLEAN = "clean"
    RESTART = "restart"  # never planned: somebody asks for it
    IDLE = "idle"


class Container(NamedTuple):
    """A container of the fleet, as the engine has it."""

    id: str
    name: str
    service: str
    image: str
    config: str
    state: str  # created, running, paused, restarting, exited, dead
    restart: str  # the policy's name
    restarts: int = 0
    started_at: str = ""
    exit_code: int = 0
    health: str = ""  # starting, healthy, unhealthy; empty where nothing checks it

    @property
    def is_up(self) -> bool:
        """Tell whether it runs, or the engine is about to restart it."""
        return self.state in ("running", "paused", "restarting")


class Current(NamedTuple):
    """What there is on the engine."""

    containers: tuple[Container, ...] = ()
    images: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    networks: Mapping[str, str] = {}  # name -> its CONFIG_LABEL


class Goal(NamedTuple):
    """What is to be."""

    containers: Mapping[str, Wanted]  # dependencies first
    volumes: Collection[str] = ()
    networks: Mapping[str, str] = {}
    proved: bool = False  # it ran as it should before: no need to judge it
    is_return: bool = False  # from a release that failed: no strategies, and no lock that it may hold counts
    own_images: Collection[str] = ()  # that the agent brought here
    kept_images: Collection[str] = ()  # that another release needs, for now


class Step(NamedTuple):
    """One thing to do."""

    kind: Kind
    services: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()  # ids
    images: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()


KILL_FIRST = ("kill-then-download", "delete-then-download")


def plan(current: Current, goal: Goal) -> list[Step]:
    """Return the steps from what there is to what is to be, none when it is so."""
    return [step for step in _Plan(current, goal).steps() if step]


def matching(current: Current, wanted: Wanted) -> Container | None:
    """Return the container that is as it is wanted, the one that runs if there are more."""
    fitting = [
        container
        for container in current.containers
        if (container.service, container.image, container.config) == (wanted.service, wanted.image, wanted.config)
        and container.state != "dead"
    ]
    return max(fitting, key=lambda container: (container.is_up, container.name == wanted.name), default=None)


class _Plan:
    def __init__(self, current: Current, goal: Goal) -> None:
        self.current, self.goal = current, goal
        self.kept = {name: found for name, wanted in goal.containers.items() if (found := matching(current, wanted))}
        fitting = {container.id for container in self.kept.values()}
        self.obsolete = [container for container in current.containers if container.id not in fitting]
        self.missing = {wanted.image for wanted in goal.containers.values()} - current.images
        self.stale_networks = [
            name for name, config in goal.networks.items() if current.networks.get(name, config) != config
        ]

    def steps(self) -> list[Step | None]:
        """Put the steps in order."""
        early = self._early()
        handed_over = set() if self.goal.is_return else {n for n in self.goal.containers if self._is_handed_over(n)}
        late = [c for c in self.obsolete if c.is_up and c not in early and c.service not in handed_over]
        starting = [name for name in self.goal.containers if self._needs_start(name)]
        giving_way = [c for c in self.obsolete if c.is_up and c.service in handed_over]
        stopped = [self.kept[name] for name, wanted in self.goal.containers.items() if self._is_unwanted(name, wanted)]
        create = [_step(Kind.CREATE, name) for name in self.goal.containers if name not in self.kept]
        lock = _step(Kind.LOCK) if not self.goal.is_return and (late or giving_way or stopped) else None
        stop = _stop([*late, *stopped])
        swap = [lock, stop, self._drop_stale(), self._prepare(), *create]
        if not self.stale_networks:
            swap = [self._prepare(), *create, lock, stop]
        starts = []
        for name in starting:
            starts.append(_step(Kind.START, name))
        for name in sorted({container.service for container in giving_way}):
            ids = tuple(container.id for container in giving_way if container.service == name)
            starts.append(Step(Kind.HAND_OVER, (name,), ids))
        return [
            *self._early_steps(early),
            *self._obtain(),
            *swap,
            *self._rename(),
            *starts,
            # What is no longer needed goes only after that, so the next look at things finds it.
            *([self._clean()] if self.goal.proved else [Step(Kind.JUDGE), Step(Kind.RECORD)]),
        ]

    def _early(self) -> list[Container]:
        """Return what is to go before its successor is downloaded."""
        if self.goal.is_return:
            return []
        names = {
            name
            for name, wanted in self.goal.containers.items()
            if wanted.strategy in KILL_FIRST and wanted.image in self.missing
        }
        return [container for container in self.obsolete if container.service in names and container.is_up]

    def _early_steps(self, early: list[Container]) -> list[Step | None]:
        deleted = [
            container
            for container in self.obsolete
            if (wanted := self.goal.containers.get(container.service))
            and wanted.strategy == "delete-then-download"
            and wanted.image in self.missing
            and not self.goal.is_return
        ]
        needed = {wanted.image for wanted in self.goal.containers.values()}
        needed |= {container.image for container in self.current.containers if container not in deleted}
        images = sorted({container.image for container in deleted} & set(self.goal.own_images) - needed)
        clean = Step(Kind.CLEAN, (), tuple(container.id for container in deleted), tuple(images)) if deleted else None
        return [_step(Kind.LOCK) if early else None, _stop(early), clean]

    def _obtain(self) -> list[Step]:
        if not self.missing:
            return []
        names = tuple(name for name, wanted in self.goal.containers.items() if wanted.image in self.missing)
        images = tuple(sorted(self.missing))
        return [Step(Kind.DOWNLOAD, names, (), images), Step(Kind.LOAD, names, (), images), Step(Kind.SYNC)]

    def _prepare(self) -> Step | None:
        lacks_network = self.stale_networks or self.goal.networks.keys() - self.current.networks.keys()
        lacks_volume = set(self.goal.volumes) - self.current.volumes
        return Step(Kind.PREPARE) if lacks_network or lacks_volume else None

    def _drop_stale(self) -> Step | None:
        """A network is made anew only when nothing is on it, so what was on it goes at once."""
        return Step(Kind.CLEAN, (), tuple(c.id for c in self.obsolete), (), tuple(self.stale_networks))

    def _needs_start(self, name: str) -> bool:
        wanted, container = self.goal.containers[name], self.kept.get(name)
        if not wanted.running:
            return False
        if container is None or container.state == "created" or container.restart != wanted.restart["Name"]:
            return True
        return not container.is_up and wanted.keeps_running

    def _is_unwanted(self, name: str, wanted: Wanted) -> bool:
        return not wanted.running and name in self.kept and self.kept[name].is_up

    def _is_handed_over(self, name: str) -> bool:
        wanted = self.goal.containers[name]
        return wanted.strategy == "hand-over" and wanted.running

    def _rename(self) -> list[Step]:
        names = [name for name, container in self.kept.items() if container.name != self.goal.containers[name].name]
        return [Step(Kind.RENAME, tuple(names))] if names else []

    def _clean(self) -> Step | None:
        needed = {wanted.image for wanted in self.goal.containers.values()}
        images = set(self.goal.own_images) - needed - set(self.goal.kept_images)
        networks = self.current.networks.keys() - self.goal.networks.keys()
        if not (self.obsolete or images or networks):
            return None
        ids = tuple(container.id for container in self.obsolete)
        return Step(Kind.CLEAN, (), ids, tuple(sorted(images)), tuple(sorted(networks)))


def _step(kind: Kind, *services: str) -> Step:
    return Step(kind, services)


def _stop(containers: list[Container]) -> Step | None:
    if not containers:
        return None
    ids = tuple(container.id for container in containers)
    return Step(Kind.STOP, tuple(sorted({container.service for container in containers})), ids)
