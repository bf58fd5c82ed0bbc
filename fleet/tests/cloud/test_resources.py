"""The fleet as balena's command line asks for it and changes it, without the command line."""

from typing import Any

import pytest

from fleet.tests.server.conftest import Fleet
from picket_fleet.store import devices, keys, variables
from picket_fleet.store import fleet as fleets


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


def numbers(fleet: Fleet, anna: str) -> dict[str, int]:
    """Return the numbers of the variables that there are, as `balena env list` shows them."""
    rows = fleet.call("GET", "/v7/application_environment_variable", anna).json()["d"]
    return {row["name"]: row["id"] for row in rows}


def test_a_variable_keeps_its_number_when_others_come_and_go(fleet: Fleet, anna: str) -> None:
    for name in ("B", "C", "D"):
        variables.put(fleet.database, variables.Variable(None, "", name, "1"))
    seen = numbers(fleet, anna)

    variables.put(fleet.database, variables.Variable(None, "", "A", "1"))
    fleet.call("DELETE", f"/v7/application_environment_variable({seen['B']})", anna)
    fleet.call("DELETE", f"/v7/application_environment_variable({seen['C']})", anna)

    left = numbers(fleet, anna)
    assert left.keys() == {"A", "D"}
    assert left["D"] == seen["D"]


@pytest.mark.parametrize(
    ("method", "path", "fields", "said"),
    [
        ("PATCH", "device(1)", {"note": "under the stairs"}, "device: note can't be changed here"),
        ("PATCH", "device(1)", {"is_web_accessible": True}, "device: is_web_accessible can't be changed here"),
        ("PATCH", "device(1)", {"is_pinned_on__release": "x"}, "is_pinned_on__release: expected an id"),
        ("PATCH", "device(1)", {"device_name": None}, "device_name: expected a text"),
        ("PATCH", "application(1)", {"app_name": "x"}, "application: app_name can't be changed here"),
        ("POST", "device_tag", {"device": 9, "tag_key": "a", "value": "b"}, "9: no such device"),
        ("POST", "device_tag", {"device": 1, "value": "b"}, "tag_key: expected a text"),
        ("POST", "release_tag", {"release": 9, "tag_key": "a", "value": "b"}, "there is no release 9"),
        ("POST", "device_environment_variable", {"device": 9, "name": "A", "value": "1"}, "9: no such device"),
        ("POST", "device_environment_variable", {"device": 1, "name": "A"}, "value: expected a text"),
    ],
)
def test_what_is_not_done_is_said(
    fleet: Fleet, anna: str, method: str, path: str, fields: dict[str, Any], said: str
) -> None:
    hall = fleet.join("hall")

    answer = fleet.call(method, f"/v7/{path}", anna, json=fields)

    assert (answer.status_code, answer.text) == (400, said)
    assert devices.get(fleet.database, hall.id).name == "hall"
    assert not devices.tags(fleet.database, hall.id)


@pytest.mark.parametrize(
    ("change", "is_pinned"),
    [
        pytest.param({"should_track_latest_release": True, "should_be_running__release": 1}, False, id="track-latest"),
        pytest.param({"should_track_latest_release": False, "should_be_running__release": 1}, True, id="pin"),
        pytest.param({"should_be_running__release": None}, False, id="unpin"),
        pytest.param({"should_track_latest_release": False}, True, id="as-it-is"),
        pytest.param({}, True, id="nothing"),
    ],
)
def test_a_fleet_is_pinned_as_it_is_asked_for(fleet: Fleet, anna: str, change: dict[str, Any], is_pinned: bool) -> None:
    release = fleet.publish()
    fleets.pin(fleet.database, release.id)

    fleet.call("PATCH", "/v7/application(1)", anna, json=change)

    assert fleets.get(fleet.database).pinned_release == (release.id if is_pinned else None)
