"""balena's own command line, from npm, against the fleet's server."""

import pytest

from fleet.tests.cloud.conftest import CommandLine
from fleet.tests.pushing import House
from picket_fleet.store import devices, fleet, releases
from picket_fleet.store.logs import Line, append

pytestmark = pytest.mark.slow


def test_who_one_is(balena: CommandLine) -> None:
    assert "anna" in balena("whoami")


def test_a_push_makes_the_release_that_a_git_push_makes(balena: CommandLine, house: House) -> None:
    house.push()

    said = balena("push", "house", "--source", str(house.copy), "--note", "by hand", "--release-tag", "why", "test")

    pushed, before = house.releases()
    assert "[Info]" in said
    assert (pushed.version, pushed.status, pushed.note) == ("1.2.3+rev1", "success", "by hand")
    assert house.images(pushed) == house.images(before)
    assert releases.tags(balena.fleet.database, pushed.id) == {"pushed.by": "anna", "why": "test"}
    assert releases.announcement(balena.fleet.database, pushed.id)


def test_a_push_that_fails_says_why_and_changes_nothing(balena: CommandLine, house: House) -> None:
    house.commit({"hub/Dockerfile": "FROM picket-fleet-test/base:1\nRUN cat /nowhere\n"})

    said = balena.refused("push", "house", "--source", str(house.copy))

    assert "returned a non-zero code: 1" in said
    assert "[Error]" in said
    assert not [release for release in house.releases() if release.status == "success"]


def test_a_deploy_builds_here_and_is_the_same_release(balena: CommandLine, house: House, engine: str) -> None:
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
    assert releases.composition(balena.fleet.database, deployed.id)["services"].keys() == {"hub", "relay"}
    for image in releases.images(balena.fleet.database, deployed.id):
        config = releases.config(balena.fleet.database, image.image_id)
        assert config


def test_devices_releases_and_variables_are_seen_and_changed(balena: CommandLine, house: House) -> None:
    house.push()
    hall = balena.fleet.join("hall")
    (release,) = house.releases()

    listed = balena("device", "list", "--fleet", "house")
    balena("device", "rename", hall.uuid, "cellar")
    balena("device", "pin", hall.uuid, release.commit_id)
    balena("env", "set", "LEVEL", "debug", "--fleet", "house")
    balena("env", "set", "PLACE", "hall", "--device", hall.uuid, "--service", "hub")
    found = balena("release", "list", "fleet/house")
    seen = balena("env", "list", "--fleet", "house") + balena("env", "list", "--device", hall.uuid)
    balena("fleet", "pin", "fleet/house", release.commit_id)

    device = devices.get(balena.fleet.database, hall.id)
    assert hall.uuid[:7] in listed
    assert "hall" in listed
    assert (device.name, device.pinned_release) == ("cellar", release.id)
    assert release.commit_id[:7] in found
    assert "LEVEL" in seen
    assert "PLACE" in seen
    assert fleet.get(balena.fleet.database).pinned_release == release.id


def test_a_device_s_log_is_told(balena: CommandLine, house: House) -> None:
    house.push()
    hall = balena.fleet.join("hall")
    lines = [Line(1_790_000_000 + n, "hub", False, False, f"line {n}") for n in range(3)]
    append(balena.fleet.database, hall.id, lines)

    said = balena("device", "logs", hall.uuid)

    assert [line for line in said.splitlines() if "line" in line][-1].endswith("[hub] line 2")
