"""Names, tags, notes, and devices that go."""

from typing import Any

import pytest

from picket_fleet.store import devices, releases


def test_a_device_gets_another_name(run: Any, house: Any) -> None:
    assert run("rename", "shed", "garden house").out == "shed is garden house now\n"
    assert devices.find(house.database, "garden house").id == house.shed.id


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("attic", "there is a device named 'attic' already", id="taken"),
        pytest.param("run", "run: 'fleet device run' is a command, so no device is called that", id="the agent's"),
        pytest.param("a\nb", "'a\\nb': expected a name of 1 to 60 printable characters, without '/'", id="two lines"),
    ],
)
def test_a_name_that_would_not_do_is_refused(run: Any, house: Any, name: str, reason: str) -> None:
    said = run("rename", "shed", name)

    assert (said.code, said.err) == (1, f"fleet: {reason}\n")
    assert devices.get(house.database, house.shed.id).name == "shed"


def test_tags_of_devices_and_releases(run: Any, house: Any) -> None:
    run("tag", "hall", "floor=1", "owner=anna")
    run("tag", "hall", "floor=")
    run("tag", "--release", "latest", "approved=yes")

    assert devices.tags(house.database, house.hall.id) == {"owner": "anna"}
    assert releases.tags(house.database, house.second.id) == {"approved": "yes"}
    assert run("tag", "hall", "a=1", "b c=1").code == run("tag", "hall", "a").code == 1
    assert devices.tags(house.database, house.hall.id) == {"owner": "anna"}


@pytest.mark.usefixtures("house")
def test_a_release_gets_a_note(run: Any) -> None:
    run("note", "0.1.0", "the first one")

    assert run("release", "0.1.0", "--json").json["note"] == "the first one"


def test_a_device_that_is_online_is_not_removed_by_mistake(run: Any, house: Any) -> None:
    assert run("remove", "hall").err == "fleet: hall is online: stop its agent first, or --force\n"
    assert run("remove", "shed").out == "shed is forgotten\n"
    assert run("remove", "hall", "--force").code == 0

    assert [device.name for device in devices.everyone(house.database)] == ["attic"]
