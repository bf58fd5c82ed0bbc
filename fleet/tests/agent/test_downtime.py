"""For how long a service is away at an update, and who holds one up."""

import os
import time
from pathlib import Path

import pytest

from fleet.tests.agent.agent import AgentProcess, wait_for
from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import SLEEP, Service, World
from picket_fleet.agent import downtime
from picket_fleet.agent.downtime import Downtimes
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.gate import Watched
from picket_fleet.agent.locks import LOCK
from picket_fleet.agent.plan import Container
from picket_fleet.store import devices

STARTING = Container("id", "relay_1", "relay", "0" * 64, "c", "running", "always", health="starting")


def test_it_lasts_from_the_stop_until_the_successor_is_well(tmp_path: Path) -> None:
    measured = Downtimes()

    measured.stop(["relay"], 100.0)
    measured.look([Watched("relay", STARTING, False), Watched("web", STARTING._replace(health=""), False)], 102.0)
    measured.look([Watched("relay", STARTING._replace(health="healthy"), False)], 103.25)
    measured.look([Watched("relay", STARTING._replace(health="healthy"), False)], 110.0)
    downtime.keep(Folder(tmp_path), measured.seconds)
    downtime.keep(Folder(tmp_path), {"web": 1.0})

    assert downtime.kept(Folder(tmp_path)) == {"relay": 3.2, "web": 1.0}


@pytest.mark.slow
def test_an_update_tells_for_how_long_the_service_was_away(
    world: World,
    agent: AgentProcess,
    engine: DeviceEngine,  # noqa: ARG001
) -> None:
    agent.start()
    agent.settles_on(world.publish(hub=Service(), web=Service()))

    agent.settles_on(world.publish(hub=Service(), web=Service(SLEEP + " # better")))
    wait_for("the report", lambda: devices.find(world.database, "house").report.get("downtimes"))

    told = devices.find(world.database, "house").report["downtimes"]
    assert told.keys() == {"web"}
    assert told["web"] > 0


@pytest.mark.slow
def test_a_lock_that_lasts_is_reported(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:  # noqa: ARG001
    agent.start()
    agent.settles_on(world.publish(web=Service()))
    lock = agent.folder / "locks" / "1" / "web" / LOCK
    lock.write_text('{"reason": "an update of its own"}')
    os.utime(lock, (time.time() - 60, time.time() - 60))

    wait_for("the report", lambda: devices.find(world.database, "house").report.get("update_locks"))

    assert devices.find(world.database, "house").report["update_locks"] == {"web": "an update of its own"}
