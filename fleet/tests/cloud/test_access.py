"""Who may ask what balena's command line asks, and what the registry takes."""

import hashlib
from typing import Any

import pytest

from fleet.tests.server.conftest import Fleet
from picket_fleet.store import keys, releases

COMPOSITION = {"version": "2.4", "services": {"web": {"build": {"context": ".", "tag": "x"}, "labels": {"a": "b"}}}}
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


class Deploying:
    """A release that is being deployed, by hand."""

    def __init__(self, fleet: Fleet, anna: str) -> None:
        self.fleet, self.anna = fleet, anna
        self.release = self.post("release", composition=COMPOSITION, semver="1.2.3", is_final=True)
        service = self.post("service", application=1, service_name="web")
        image = self.post("image", is_a_build_of__service=service["id"], status="running")
        self.post("image__is_part_of__release", image=image["id"], is_part_of__release=self.release["id"])
        self.repository = image["is_stored_at__image_location"].partition("/")[2]

    def post(self, resource: str, **fields: Any) -> dict[str, Any]:
        answer = self.fleet.call("POST", f"/v7/{resource}", self.anna, json=fields)
        assert answer.status_code == 201, answer.text
        row: dict[str, Any] = answer.json()
        return row

    def token(self, repository: str) -> str:
        query = {"service": "x", "scope[0]": f"repository:{repository}:pull,push"}
        answer = self.fleet.call("GET", "/auth/v1/token", self.anna, params=query)
        return str(answer.json()["token"])

    def end(self) -> Any:
        return self.fleet.call("PATCH", f"/v7/release({self.release['id']})", self.anna, json={"status": "success"})


@pytest.fixture
def deploying(fleet: Fleet, anna: str) -> Deploying:
    return Deploying(fleet, anna)


def test_a_token_pushes_only_to_what_is_being_deployed(deploying: Deploying) -> None:
    fleet, good = deploying.fleet, deploying.token(deploying.repository)
    other = deploying.token(f"v2/{'0' * 32}")
    uploads = f"/v2/{deploying.repository}/blobs/uploads/"

    assert fleet.call("POST", uploads, good).status_code == 202
    assert fleet.call("POST", uploads, other).status_code == 403
    assert fleet.call("POST", uploads, deploying.anna).status_code == 401
    assert fleet.call("GET", "/v2/").headers["WWW-Authenticate"].startswith('Bearer realm="https://')


def test_a_blob_that_is_not_what_its_digest_says_is_refused(deploying: Deploying) -> None:
    fleet, token = deploying.fleet, deploying.token(deploying.repository)
    upload = fleet.call("POST", f"/v2/{deploying.repository}/blobs/uploads/", token).headers["Location"]
    fleet.call("PATCH", upload, token, data=b"half of ")

    digest = f"sha256:{hashlib.sha256(b'another').hexdigest()}"
    answer = fleet.call("PUT", f"{upload}?digest={digest}", token, data=b"a layer")

    assert answer.status_code == 400
    assert fleet.call("HEAD", f"/v2/{deploying.repository}/blobs/{digest}", token).status_code == 404


@pytest.mark.slow
def test_a_deploy_without_its_images_is_no_release(deploying: Deploying) -> None:
    answer = deploying.end()

    release = releases.get(deploying.fleet.database, deploying.release["id"])
    assert (answer.status_code, answer.text.strip()) == (400, "web: no image was pushed")
    assert release.status == "failed"
    assert not list(deploying.fleet.home.builds.glob("blobs"))


def test_a_composition_that_balena_would_refuse_is_refused(fleet: Fleet, anna: str) -> None:
    composition = {"version": "2.4", "services": {"web": {"image": "x", "cpus": 2}}}

    answer = fleet.call("POST", "/v7/release", anna, json={"composition": composition})

    assert answer.status_code == 400
    assert answer.text.startswith("services.web.cpus: ")
    assert not releases.everyone(fleet.database)
