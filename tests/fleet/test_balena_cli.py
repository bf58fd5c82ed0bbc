"""balena's own command line moves real devices: what it pushes, and what it builds elsewhere and deploys, they run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket_fleet.store import keys
from tests.fleet.device import SECONDS
from tests.fleet.project import PROJECT, RUNS
from tests.fleet.town import Town
from tests.servers.balena import CommandLine
from tests.servers.devices import Machine, Site
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def trusted(town: Town) -> Iterator[None]:
    """Have the engines of this machine trust the fleet's registry, as whoever deploys has to."""
    folder = Path("/etc/docker/certs.d") / town.home.configuration.registry
    folder.mkdir(parents=True, exist_ok=True)  # a run that was killed has left it there
    shutil.copy(town.home.certificate, folder / "ca.crt")
    yield
    shutil.rmtree(folder)


@pytest.mark.usefixtures("trusted")
def test_devices_run_what_balena_s_command_line_pushes_and_deploys(
    town: Town, site: Site, builder: Machine, tmp_path: Path
) -> None:
    hall = town.join(site.machines[1], "hall")
    hall.start()
    with town.database() as database:
        balena = CommandLine(tmp_path, town.home, keys.give_out(database, keys.PERSON, "anna"))
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
    wait_for("its log", lambda: "web" in balena("device", "logs", hall.identity().uuid), SECONDS)
