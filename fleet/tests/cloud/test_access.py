"""Who may ask what balena's command line asks, and what the registry takes."""

import pytest

from fleet.tests.server.conftest import Fleet
from picket_fleet.store import keys, releases

ADDRESSES = [
    ("GET", "/actor/v1/whoami"),
    ("GET", "/v7/application"),
    ("GET", "/v7/release"),
    ("PATCH", "/v7/application(1)"),
    ("POST", "/v7/release"),
    ("DELETE", "/v7/device(1)"),
    ("POST", "/v7/application_environment_variable"),
    ("POST", "/v3/build?slug=fleet/house"),
    ("GET", f"/device/v2/{'a' * 32}/logs"),
]


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
def test_only_people_may(fleet: Fleet, method: str, path: str) -> None:
    hall = fleet.join("hall", uuid="a" * 32)
    provisioning = fleet.provisioning_key()

    answers = {fleet.call(method, path, key).status_code for key in ("", "0" * 32, hall.key, provisioning)}

    assert answers == {401}


def test_a_device_still_asks_for_itself_only(fleet: Fleet, anna: str) -> None:
    hall, attic = fleet.join("hall"), fleet.join("attic")

    own = fleet.call("GET", "/v7/device", hall.key).json()["d"]
    every = fleet.call("GET", "/v7/device", anna).json()["d"]
    other = fleet.call("PATCH", f"/v7/device({attic.id})", hall.key, json={"device_name": "mine"})

    assert [row["uuid"] for row in own] == [hall.uuid]
    assert {row["device_name"] for row in every} == {"hall", "attic"}
    assert other.status_code == 401


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v7/nonsense", 404, "nonsense: there is none of that here"),
        ("/v7/device?$filter=name like 'x'", 400, "device: not understood from here on: like 'x'"),
        ("/v7/device(x y)", 400, "device: not understood from here on: y"),
        ("/v7/device?$expand=" + "a(" * 100, 200, ""),
    ],
)
def test_a_question_that_is_not_understood_is_answered_by_why(
    fleet: Fleet, anna: str, path: str, status: int, said: str
) -> None:
    answer = fleet.call("GET", path, anna)

    assert answer.status_code == status
    assert said in answer.text


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_not_everything_is_changed_at_once(fleet: Fleet, anna: str, method: str) -> None:
    fleet.join("hall")

    answer = fleet.call(method, "/v7/device", anna, json={"device_name": "x"})

    assert (answer.status_code, answer.text) == (400, "which? A change of all rows at once is not taken")
    assert [row["device_name"] for row in fleet.call("GET", "/v7/device", anna).json()["d"]] == ["hall"]


def test_another_fleet_is_not_here(fleet: Fleet, anna: str) -> None:
    answer = fleet.call("POST", "/v3/build?slug=fleet/other", anna, data=b"")

    assert (answer.status_code, answer.text) == (404, "there is one fleet here: fleet/house")


def test_the_only_good_release_is_not_invalidated(fleet: Fleet, anna: str) -> None:
    release = fleet.publish()

    answer = fleet.call("PATCH", f"/v7/release({release.id})", anna, json={"is_invalidated": True})

    assert answer.status_code == 400
    assert "is the only good release" in answer.text
    assert not releases.get(fleet.database, release.id).is_invalidated
