"""A fleet of the devices behind a site's bridge."""

from collections.abc import Iterator

import pytest

from tests.fleet.town import Town
from tests.servers.devices import Machine, Site


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
