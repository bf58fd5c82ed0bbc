"""A fleet with an engine that builds, served; and balena's own command line, logged in to it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.tests.pushing import PROJECT, House
from fleet.tests.server.conftest import Fleet, fleet, home, running, serving
from picket_fleet.store import keys
from tests.servers.balena import CommandLine
from tests.servers.ports import free_ports

__all__ = ["fleet", "home", "running"]


@pytest.fixture
def house(tmp_path: Path, engine: str) -> House:
    """A fleet on a real engine, and a project."""
    made = House(tmp_path, engine, free_ports(1)[0])
    made.commit(PROJECT)
    return made


@pytest.fixture
def served(house: House) -> Iterator[Fleet]:
    """The fleet, served."""
    with serving(house.home) as served:
        yield served


@pytest.fixture
def balena(tmp_path: Path, served: Fleet) -> CommandLine:
    """The command line of a person of the fleet."""
    token = keys.give_out(served.database, keys.PERSON, "anna", time.time() + 3600)
    return CommandLine(tmp_path / "balena", served.home, token)
