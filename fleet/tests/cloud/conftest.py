"""A fleet with an engine that builds, served; and balena's own command line, logged in to it."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.tests.pushing import PROJECT, House, engine
from fleet.tests.server.conftest import Fleet, fleet, home, serving
from picket_fleet.store import keys
from tests.servers import balena as tools
from tests.servers.npm import NotInstalledError
from tests.servers.ports import free_ports

__all__ = ["engine", "fleet", "home"]

CALL_SECONDS = 170.0


class CommandLine:
    """balena's command line, a person of the fleet logged in."""

    def __init__(self, folder: Path, house: House, served: Fleet) -> None:
        try:
            self._tools = tools.install()
        except NotInstalledError as error:
            pytest.skip(f"*** balena's command line is left out: {error} ***")
        self.house, self.fleet, self._folder = house, served, folder
        address = house.home.configuration.address
        self._settings = {
            "BALENARC_API_URL": address,
            "BALENARC_BUILDER_URL": address,
            "BALENARC_BALENA_URL": address.removeprefix("https://"),
            "NODE_EXTRA_CA_CERTS": str(house.home.certificate),
        }
        token = keys.give_out(served.database, keys.PERSON, "anna", time.time() + 3600)
        self("login", "--token", token)

    def __call__(self, *words: str, **environment: str) -> str:
        """Run a command; return what it says, raise AssertionError when it fails."""
        return tools.balena(
            self._tools, *words, folder=self._folder, seconds=CALL_SECONDS, **self._settings, **environment
        )

    def refused(self, *words: str) -> str:
        """Run a command that is to fail; return what it says."""
        try:
            said = self(*words)
        except AssertionError as error:
            return str(error)
        raise AssertionError(f"it was not refused: {said}")


@pytest.fixture
def house(tmp_path: Path, engine: str) -> House:
    """A fleet on a real engine, and a project."""
    made = House(tmp_path, engine, free_ports(1)[0])
    made.commit(PROJECT)
    return made


@pytest.fixture
def balena(tmp_path: Path, house: House) -> Iterator[CommandLine]:
    """The fleet served, and the command line."""
    with serving(house.home) as served:
        yield CommandLine(tmp_path / "balena", house, served)
