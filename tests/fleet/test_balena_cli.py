"""balena's own command line moves real devices: what it pushes, and what it builds elsewhere and deploys, they run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket_fleet.store import keys
from tests.fleet.town import PROJECT, RUNS, Town
from tests.servers import balena as tools
from tests.servers.devices import Machine, Site
from tests.servers.npm import NotInstalledError
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

SECONDS = 170.0


class CommandLine:
    """balena's command line, logged in to a town."""

    def __init__(self, folder: Path, town: Town) -> None:
        try:
            self._tools = tools.install()
        except NotInstalledError as error:
            pytest.skip(f"*** balena's command line is left out: {error} ***")
        self._folder = folder
        self._settings = {
            "BALENARC_API_URL": town.address,
            "BALENARC_BUILDER_URL": town.address,
            "BALENARC_BALENA_URL": town.address.removeprefix("https://"),
            "NODE_EXTRA_CA_CERTS": str(town.home.certificate),
        }
        with town.database() as database:
            self("login", "--token", keys.give_out(database, keys.PERSON, "anna"))

    def __call__(self, *words: str, **environment: str) -> str:
        """Run a command; return what it says."""
        return tools.balena(self._tools, *words, folder=self._folder, seconds=SECONDS, **self._settings, **environment)


@pytest.fixture
def trusted(town: Town) -> Iterator[None]:
    """Have the engines of this machine trust the fleet's registry, as whoever deploys has to."""
    folder = Path("/etc/docker/certs.d") / town.home.configuration.registry
    folder.mkdir(parents=True)
    shutil.copy(town.home.certificate, folder / "ca.crt")
    yield
    shutil.rmtree(folder)


@pytest.mark.usefixtures("trusted")
def test_devices_run_what_balena_s_command_line_pushes_and_deploys(
    town: Town, site: Site, builder: Machine, tmp_path: Path
) -> None:
    hall = town.join(site.machines[1], "hall")
    hall.start()
    balena = CommandLine(tmp_path, town)
    town.commit(PROJECT)

    balena("push", "town", "--source", str(town.copy))
    pushed = town.latest()
    before = hall.settles(pushed)
    town.commit({"web/run": f"# the web, better\n{RUNS}"})
    balena("deploy", "town", "--build", "--source", str(town.copy), "--nologupload", DOCKER_HOST=builder.host)
    deployed = town.latest()
    after = hall.settles(deployed)

    assert deployed.commit_id != pushed.commit_id
    assert {name for name in after if after[name] != before[name]} == {"web"}
    assert "hall" in balena("device", "list")
    wait_for("its log", lambda: "web" in balena("device", "logs", hall.identity().uuid), 60)
