"""balena's own command line, from npm, against the fleet's server."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fleet.tests.pushing import BASE, House
from fleet.tests.server.conftest import Fleet, serving
from picket_fleet.build.release import sweep
from picket_fleet.store import deploys, devices, fleet, images, keys, releases
from picket_fleet.store.database import Database
from picket_fleet.store.logs import Line, append
from tests.servers.balena import CommandLine
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # each of its commands takes seconds


def test_who_one_is(balena: CommandLine) -> None:
    assert "anna" in balena("whoami")


def test_a_push_makes_the_release_that_a_git_push_makes(balena: CommandLine, served: Fleet, house: House) -> None:
    house.push()

    said = balena("push", "house", "--source", str(house.copy), "--note", "by hand", "--release-tag", "why", "test")

    pushed, before = house.releases()
    assert "[Info]" in said
    assert (pushed.version, pushed.status, pushed.note) == ("1.2.3+rev1", "success", "by hand")
    assert house.images(pushed) == house.images(before)
    assert releases.tags(served.database, pushed.id) == {"pushed.by": "anna", "why": "test"}
    assert releases.announcement(served.database, pushed.id)


def test_a_push_that_fails_says_why_and_changes_nothing(balena: CommandLine, house: House) -> None:
    house.commit({"hub/Dockerfile": f"FROM {BASE}\nRUN cat /nowhere\n"})

    said = balena.refused("push", "house", "--source", str(house.copy))

    assert "returned a non-zero code: 1" in said
    assert "[Error]" in said
    assert not [release for release in house.releases() if release.status == "success"]


def test_a_deploy_builds_here_and_is_the_same_release(
    balena: CommandLine, served: Fleet, house: House, engine: str
) -> None:
    house.push()

    said = balena(
        *("deploy", "house", "--build", "--source", str(house.copy), "--nologupload"),
        *("--release-tag", "why", "test", "--note", "from here"),
        DOCKER_HOST=engine,
    )

    deployed, pushed = house.releases()
    assert "Deploy succeeded" in said
    assert (deployed.version, deployed.status, deployed.note) == ("1.2.3+rev1", "success", "from here")
    assert set(house.images(deployed)) == set(house.images(pushed))
    assert releases.composition(served.database, deployed.id)["services"].keys() == {"hub", "relay"}
    for image in images.of(served.database, deployed.id):
        config = images.config(served.database, image.image_id)
        assert config


@pytest.mark.timeout(600)
def test_a_deploy_goes_on_when_the_server_is_started_anew(house: House, tmp_path: Path, engine: str) -> None:
    house.commit({"hub/new": secrets.token_hex(8)})
    words = ("deploy", "house", "--build", "--source", str(house.copy), "--nologupload")

    def is_pushed(database: Database) -> bool:  # before that, an engine that finds no server soon gives up
        pushed = [image.manifest for number in deploys.going_on(database) for image in deploys.images(database, number)]
        return len(pushed) == 2 and all(pushed)

    with ThreadPoolExecutor() as pool:
        with serving(house.home) as before:
            token = keys.give_out(before.database, keys.PERSON, "anna", time.time() + 3600)
            balena = CommandLine(tmp_path / "balena", before.home, token)
            deploying = pool.submit(balena, *words, DOCKER_HOST=engine)
            wait_for("what is pushed", lambda: deploying.done() or is_pushed(before.database), 170)
        sweep(house.home)
        with serving(house.home):
            said = deploying.result(170)

    [release] = house.releases()
    assert "Deploy succeeded" in said
    assert release.status == "success"


def test_devices_releases_and_variables_are_seen_and_changed(balena: CommandLine, served: Fleet, house: House) -> None:
    house.push()
    hall = served.join("hall")
    (release,) = house.releases()

    listed = balena("device", "list", "--fleet", "house")
    balena("device", "rename", hall.uuid, "cellar")
    balena("device", "pin", hall.uuid, release.commit_id)
    balena("env", "set", "LEVEL", "debug", "--fleet", "house")
    balena("env", "set", "PLACE", "hall", "--device", hall.uuid, "--service", "hub")
    found = balena("release", "list", "fleet/house")
    seen = balena("env", "list", "--fleet", "house") + balena("env", "list", "--device", hall.uuid)
    balena("fleet", "pin", "fleet/house", release.commit_id)

    device = devices.get(served.database, hall.id)
    assert hall.uuid[:7] in listed
    assert "hall" in listed
    assert (device.name, device.pinned_release) == ("cellar", release.id)
    assert release.commit_id[:7] in found
    assert "LEVEL" in seen
    assert "PLACE" in seen
    assert fleet.get(served.database).pinned_release == release.id


def test_a_device_s_log_is_told(balena: CommandLine, served: Fleet, house: House) -> None:
    house.push()
    hall = served.join("hall")
    lines = [Line(1_790_000_000 + n, "hub", False, False, f"line {n}") for n in range(3)]
    append(served.database, hall.id, lines)

    said = balena("device", "logs", hall.uuid)

    assert [line for line in said.splitlines() if "line" in line][-1].endswith("[hub] line 2")


def test_a_device_is_told_what_to_do_now(balena: CommandLine, served: Fleet) -> None:
    hall, release = served.join("hall"), served.publish()
    app = {"release_uuid": release.commit_id, "releases": {}}
    said = {hall.uuid: {"supervisor_version": "picket 0.1.0", "apps": {fleet.get(served.database).uuid: app}}}
    served.call("PATCH", "/device/v3/state", hall.key, json=said)

    balena("device", "restart", hall.uuid)
    balena("device", "restart", hall.uuid, "--service", "web")
    balena("device", "stop-service", hall.uuid, "web")
    balena("device", "identify", hall.uuid)
    balena("fleet", "restart", "fleet/house")
    refused = balena.refused("device", "reboot", hall.uuid)

    assert devices.restarts(served.database, hall.id) == {"": 2, "web": 1}
    assert devices.stopped(served.database, hall.id) == {"web"}
    assert devices.identifications(served.database, hall.id) == 1
    assert "reboot: the agents of this fleet's devices don't do that" in refused


def test_a_fleet_follows_again_and_all_of_a_device_and_a_release_is_told(balena: CommandLine, served: Fleet) -> None:
    hall, release = served.join("hall"), served.publish(composition={"services": {"web": {"tty": False}}})
    fleet.pin(served.database, release.id)

    balena("fleet", "track-latest", "fleet/house")
    device = json.loads(balena("device", hall.uuid, "--json"))
    composition = balena("release", release.commit_id, "--composition")

    assert fleet.get(served.database).pinned_release is None
    assert (device["device_name"], device["fleet"], device["device_type"]) == ("hall", "fleet/house", "raspberrypi4-64")
    assert "tty: false" in composition


def test_what_is_not_kept_is_no_success(balena: CommandLine, served: Fleet) -> None:
    hall = served.join("hall")

    said = balena.refused("device", "note", "under the stairs", "--device", hall.uuid)

    assert "device: note can't be changed here" in said
