"""A device's engine behind a network card of its own, a fleet with its server, and an agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.tests.agent.agent import AgentProcess
from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import World
from tests.servers import devices
from tests.servers.devices import Machine, Site


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose engine runs."""
    if missing := devices.missing():
        pytest.skip(f"*** THE AGENT'S TESTS ON A REAL ENGINE ARE LEFT OUT: {missing} ***")
    with Site(tmp_path_factory.mktemp("site")) as site:
        machine = site.machine("device")
        machine.start()
        yield machine


@pytest.fixture
def engine(machine: Machine) -> Iterator[DeviceEngine]:
    """An engine that has nothing."""
    engine = DeviceEngine(machine)
    yield engine
    machine.start()
    engine.clear()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fleet, served."""
    world = World(tmp_path)
    world.start()
    yield world
    world.stop()
    world.database.close()


@pytest.fixture
def agent(world: World, engine: DeviceEngine, tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent that has joined, and is still to be started."""
    agent = AgentProcess(world, engine, tmp_path / "device")
    yield agent
    agent.stop()
