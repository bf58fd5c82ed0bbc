"""A fleet to push to, and the engine that builds what is pushed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.tests.pushing import PROJECT, House
from tests.servers import busybox, dockerd
from tests.servers import engine as engines

FLEET = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """The address of an engine that has the base image: one that answers already, else one of this session's own."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if dockerd.answers(address):
        busybox.load(address)
        yield address
        return
    with engines.running(FLEET) as own:
        busybox.load(own.host)
        yield own.host


@pytest.fixture
def house(tmp_path: Path, engine: str) -> House:
    """A fleet on a real engine, and a project of two services that nobody has pushed yet."""
    found = House(tmp_path, engine)
    found.commit(PROJECT)
    return found
