"""Real engines for a fleet: a builder's and three devices', started once."""

import sys
from collections.abc import Callable, Iterator

import pytest

from tests.fleet.town import Town, load_base
from tests.servers import devices
from tests.servers.devices import Machine, Site
from tests.servers.waiting import wait_for


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A bridge, behind it the machines builder, hall, attic and cellar, whose engines run."""
    if missing := devices.missing():
        pytest.skip(f"*** THE FLEET'S TESTS ON REAL ENGINES ARE LEFT OUT: {missing} ***")
    with Site(tmp_path_factory.mktemp("site")) as site:
        machines = [site.machine(name) for name in ("builder", "hall", "attic", "cellar")]
        for machine in machines:
            machine.begin()
        for machine in machines:
            wait_for(machine.folder.name, machine.answers, 60)
        load_base(machines[0])
        yield site


@pytest.fixture(scope="session")
def builder(site: Site) -> Machine:
    """The machine whose engine builds."""
    return site.machines[0]


@pytest.fixture(scope="module")
def town(site: Site, builder: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A fleet from nothing, whose server runs; nothing was pushed, and no device has joined."""
    town = Town(tmp_path_factory.mktemp("town"), site, builder.host)
    town.start()
    yield town
    town.close()


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print a line of figures, whether or not the test goes well."""

    def tell(text: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n  {text}\n")

    return tell
