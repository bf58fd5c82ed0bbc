"""Release and name come from balena's dashboard, health goes there; in virtual time, against what stands for it."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from picket.config import load_with_origins
from picket.messages import Health
from picket.service import Runtime
from picket.supervisor import device_name
from picket_gateway.dashboard import FIRST_VISIT_SECONDS, VISIT_SECONDS, Dashboard, health_tag
from picket_gateway.heartbeat import ServiceHealth
from picket_gateway.vitals import Vitals
from services.gateway.tests.stage import Site
from tests.servers.supervisor import StandInSupervisor
from tests.servers.waiting import wait_for

OK = ServiceHealth("ok", 1.0, {})
DEGRADED = ServiceHealth("degraded", 1.0, {"chip": "does not answer"})
SILENT = ServiceHealth("silent", 20.0, {})


class Scene:
    """A dashboard's view of one device, whose clock the test moves."""

    def __init__(self, folder: Path, supervisor: StandInSupervisor, **environment: str) -> None:
        file = folder / "picket.yaml"
        file.write_text(f"device: front_door\ndata_dir: {folder}\n")
        self.runtime = Runtime("gateway", load_with_origins(file, {}))
        self.supervisor = supervisor
        self.services: dict[str, ServiceHealth] = {"hub": OK, "relay": OK}
        self.learned = 0
        self._now = 0.0
        self.runtime.loop.now = lambda: self._now
        self.look: Callable[[float], Mapping[str, ServiceHealth]] = lambda _: self.services
        self.dashboard = Dashboard(
            self.runtime, lambda now: self.look(now), "0.1.0", self._learn, supervisor.environment | environment
        )
        self._due = FIRST_VISIT_SECONDS

    @property
    def faults(self) -> dict[str, str]:
        return self.runtime.health.faults

    def let_it_visit(self, times: int = 1) -> None:
        """Let so many visits come due, and each be taken in."""
        for _ in range(times):
            self.be_at(self._due)
            self._due += VISIT_SECONDS

    def be_at(self, now: float) -> None:
        """Let it be that late, and a visit that is due be taken in."""
        self._now = now
        self.runtime.loop.turn(0)
        if visitor := self.dashboard._visitor:
            visitor.join(20)
        self.runtime.loop.turn(0)

    def _learn(self) -> None:
        self.learned += 1


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A device that is called as the dashboard calls it, beside a supervisor that listens."""
    with StandInSupervisor() as supervisor:
        scene = Scene(tmp_path, supervisor, PICKET_DEVICE_FROM=str(tmp_path / "name"))
        yield scene
        scene.runtime.closing.close()


@pytest.mark.parametrize(
    ("services", "tag"),
    [
        pytest.param({}, "starting", id="nobody-heard"),
        pytest.param({"hub": OK, "relay": OK}, "ok", id="well"),
        pytest.param({"relay": DEGRADED, "hub": DEGRADED}, "degraded: hub, relay", id="degraded"),
        pytest.param({"relay": DEGRADED, "hub": SILENT}, "silent: hub; degraded: relay", id="silent-first"),
    ],
)
def test_health_is_a_few_words(services: dict[str, ServiceHealth], tag: str) -> None:
    assert health_tag(services) == tag


def test_a_tag_stays_short() -> None:
    assert len(health_tag({f"collectors.sensor_{n}": DEGRADED for n in range(100)})) == 120


def test_release_and_name_are_learned_and_told_once(scene: Scene) -> None:
    scene.let_it_visit(times=3)

    assert (scene.dashboard.release, scene.dashboard.name) == (scene.supervisor.release, "Front door")
    assert scene.learned == 1


def test_a_release_that_changes_nothing_here_is_learned_too(scene: Scene) -> None:
    scene.let_it_visit()

    scene.supervisor.release = "b" * 32
    scene.let_it_visit()

    assert scene.dashboard.release == "b" * 32
    assert scene.learned == 2


def test_a_release_that_is_given_counts(tmp_path: Path) -> None:
    with StandInSupervisor() as supervisor:
        scene = Scene(tmp_path, supervisor, PICKET_RELEASE="ours")
        scene.let_it_visit()

        assert scene.dashboard.release == "ours"
        scene.runtime.closing.close()


def test_tags_are_delivered_when_they_change_and_only_then(scene: Scene) -> None:
    scene.let_it_visit(times=3)
    assert scene.supervisor.tags == {"picket_health": "ok", "picket_version": "0.1.0"}

    scene.services["relay"] = DEGRADED
    scene.let_it_visit(times=2)

    assert scene.supervisor.tags["picket_health"] == "degraded: relay"
    assert scene.supervisor.asked.count("PATCH /v2/device/tags") == 2


def test_who_is_never_heard_is_told_soon_after_a_minute(scene: Scene) -> None:
    vitals = Vitals({"hub", "relay"})
    scene.look = vitals.services
    hub = Health(time_ns=1, service="hub", state="ok", uptime_seconds=1, faults={}, figures={})

    for second in range(80):
        if second >= 14:
            vitals.hear(hub, second, now_ns=1)
        scene.be_at(second)

    assert scene.supervisor.tags["picket_health"] == "silent: relay"


def test_a_supervisor_without_tags_is_not_asked_again_and_is_no_fault(scene: Scene) -> None:
    scene.supervisor.knows_tags = False

    scene.let_it_visit(times=5)

    assert scene.supervisor.asked.count("PATCH /v2/device/tags") == 1
    assert scene.dashboard.name == "Front door"
    assert not scene.faults


def test_a_supervisor_that_is_away_is_a_fault_when_it_stays_away(scene: Scene) -> None:
    scene.supervisor.stop()
    scene.let_it_visit(times=2)
    assert not scene.faults

    scene.let_it_visit()
    assert "does not answer" in scene.faults["supervisor"]

    scene.supervisor.start()
    scene.let_it_visit()
    assert not scene.faults
    assert scene.supervisor.tags["picket_health"] == "ok"


def test_another_name_in_the_dashboard_counts_from_the_next_start(scene: Scene, tmp_path: Path) -> None:
    scene.supervisor.name = "Back door"
    scene.let_it_visit()

    assert "back_door" in scene.faults["device name"]
    assert device_name({}, tmp_path / "name") == "back_door"


def test_a_name_that_is_taken_back_leaves_all_as_it_was(scene: Scene, tmp_path: Path) -> None:
    scene.supervisor.name = "Back door"
    scene.let_it_visit()

    scene.supervisor.name = "Front Door"
    scene.let_it_visit()

    assert not scene.faults
    assert device_name({}, tmp_path / "name") == "front_door"


def test_a_device_that_we_named_may_be_called_otherwise_in_the_dashboard(tmp_path: Path) -> None:
    with StandInSupervisor("Number 7") as supervisor:
        scene = Scene(tmp_path, supervisor)
        scene.let_it_visit()

        assert not scene.faults
        scene.runtime.closing.close()


def test_without_a_supervisor_nothing_happens(tmp_path: Path) -> None:
    supervisor = StandInSupervisor()
    scene = Scene(tmp_path, supervisor, BALENA_SUPERVISOR_ADDRESS="")

    assert scene.dashboard._visitor is None
    assert (scene.dashboard.release, scene.dashboard.name) == ("", "")
    scene.runtime.closing.close()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), reason="no mosquitto here")
def test_info_tells_release_and_name_and_no_key_is_said(site: Site) -> None:
    with StandInSupervisor() as supervisor:
        site.release.environment.update(supervisor.environment)
        site.broker.start()
        observer = site.observe()
        site.start_gateway()

        wait_for("the name", lambda: b"Front door" in (observer.last("info") or b""), 90)

        info = msgspec.json.decode(observer.last("info") or b"")
        assert info["release"] == supervisor.release
        assert wait_for("the tags", lambda: supervisor.tags)["picket_version"] == info["version"]
        said = site.log() + str(observer.heard)
        assert supervisor.environment["BALENA_SUPERVISOR_API_KEY"] not in said
