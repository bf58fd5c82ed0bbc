"""A release that is built elsewhere and pushed here, by hand: what the registry takes, and how it ends."""

import hashlib
import os
import threading
from typing import Any

import psutil
import pytest

from fleet.tests.server.conftest import Fleet
from picket_fleet.build.release import one_at_a_time
from picket_fleet.store import keys, releases
from tests.servers.waiting import wait_for

COMPOSITION = {"version": "2.4", "services": {"web": {"build": {"context": ".", "tag": "x"}, "labels": {"a": "b"}}}}


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


class Deploying:
    """A release that is being deployed, by hand."""

    def __init__(self, fleet: Fleet, anna: str) -> None:
        self.fleet, self.anna = fleet, anna
        self.release = self.post("release", composition=COMPOSITION, semver="1.2.3", is_final=True)
        service = self.post("service", application=1, service_name="web")
        image = self.post("image", is_a_build_of__service=service["id"], status="running")
        self.post("image__is_part_of__release", image=image["id"], is_part_of__release=self.release["id"])
        self.image = image["id"]
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

    def end(self, status: str = "success") -> Any:
        return self.fleet.call("PATCH", f"/v7/release({self.release['id']})", self.anna, json={"status": status})


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


def test_what_a_long_build_said_is_no_reason_to_refuse_its_image(deploying: Deploying) -> None:
    said = {"status": "success", "build_log": "Step 1/9\n" * 200_000}

    answer = deploying.fleet.call("PATCH", f"/v7/image({deploying.image})", deploying.anna, json=said)

    assert answer.status_code == 200


@pytest.mark.slow
def test_a_deploy_without_its_images_is_no_release(deploying: Deploying) -> None:
    answer = deploying.end()

    release = releases.get(deploying.fleet.database, deploying.release["id"])
    assert (answer.status_code, answer.text.strip()) == (400, "web: no image was pushed")
    assert release.status == "failed"
    assert not list(deploying.fleet.home.builds.glob("blobs"))


@pytest.mark.slow
def test_what_was_pushed_stays_until_its_release_is_taken_over(fleet: Fleet, anna: str) -> None:
    first, second = Deploying(fleet, anna), Deploying(fleet, anna)
    blobs = fleet.home.builds / "blobs"
    with one_at_a_time(fleet.home):
        ending = threading.Thread(target=first.end)
        ending.start()
        wait_for("the first one's end to begin", lambda: psutil.Process().children())

        second.end("cancelled")

        assert blobs.exists()
    ending.join(30)
    assert not blobs.exists()


def test_a_deploy_that_nobody_ends_goes_when_another_begins(deploying: Deploying, anna: str) -> None:
    fleet, token = deploying.fleet, deploying.token(deploying.repository)
    fleet.call("POST", f"/v2/{deploying.repository}/blobs/uploads/", token)
    blobs = fleet.home.builds / "blobs"
    for path in (*blobs.iterdir(), blobs):
        os.utime(path, (0, 0))

    Deploying(fleet, anna)

    assert releases.get(fleet.database, deploying.release["id"]).status == "failed"
    assert fleet.call("POST", f"/v2/{deploying.repository}/blobs/uploads/", token).status_code == 404
    assert not list(blobs.glob("*"))


def test_a_composition_that_balena_would_refuse_is_refused(fleet: Fleet, anna: str) -> None:
    composition = {"version": "2.4", "services": {"web": {"image": "x", "cpus": 2}}}

    answer = fleet.call("POST", "/v7/release", anna, json={"composition": composition})

    assert answer.status_code == 400
    assert answer.text.startswith("services.web.cpus: ")
    assert not releases.everyone(fleet.database)
