"""A release that is built elsewhere and pushed here, by hand: what the registry takes, and how it ends."""

import base64
import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from fleet.tests.server.conftest import Fleet, serving
from picket_fleet.build.release import one_at_a_time, sweep
from picket_fleet.home import Home
from picket_fleet.store import deploys, keys, releases
from tests.servers.waiting import wait_for

SERVICES = {"web": {"build": {"context": ".", "tag": "x"}, "labels": {"a": "b"}}}


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


class Deploying:
    """A release that is being deployed, by hand."""

    def __init__(self, fleet: Fleet, anna: str, services: Mapping[str, Any] = SERVICES) -> None:
        self.fleet, self.anna = fleet, anna
        composition = {"version": "2.4", "services": services}
        self.release = self.post("release", composition=composition, semver="1.2.3", is_final=True)
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

    def push(self, token: str) -> None:
        """Push an image of one layer."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("web"))
        config = {"os": "linux", "architecture": "arm64", "rootfs": {"diff_ids": [digest_of(layer.getvalue())]}}
        manifest = {
            "config": {"digest": self.blob(json.dumps(config).encode(), token)},
            "layers": [{"digest": self.blob(layer.getvalue(), token)}],
        }
        assert self.fleet.call("PUT", f"/v2/{self.repository}/manifests/x", token, json=manifest).status_code == 201

    def blob(self, data: bytes, token: str) -> str:
        upload = self.fleet.call("POST", f"/v2/{self.repository}/blobs/uploads/", token).headers["Location"]
        assert self.fleet.call("PUT", f"{upload}?digest={digest_of(data)}", token, data=data).status_code == 201
        return digest_of(data)

    def end(self, status: str = "success") -> Any:
        return self.fleet.call("PATCH", f"/v7/release({self.release['id']})", self.anna, json={"status": status})


def finish(home: Home, release: int) -> "subprocess.CompletedProcess[bytes]":
    """Take a release over without a server."""
    return subprocess.run([sys.executable, "-m", "picket_fleet.cloud.finish", str(home.folder), str(release)])


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


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
    others = psutil.Process().children()
    with one_at_a_time(fleet.home):
        ending = threading.Thread(target=first.end)
        ending.start()
        wait_for("the first one's end to begin", lambda: set(psutil.Process().children()) - set(others))

        second.end("cancelled")

        assert blobs.exists()
    ending.join()
    assert not blobs.exists()


@pytest.mark.slow
@pytest.mark.parametrize("is_pushed", [False, True], ids=["before it is pushed", "when it is pushed"])
def test_a_restart_of_the_server_ends_no_deploy(home: Home, is_pushed: bool) -> None:
    with serving(home) as before:
        deploying = Deploying(before, keys.give_out(before.database, keys.PERSON, "anna"))
        token = deploying.token(deploying.repository)
        if is_pushed:
            deploying.push(token)
    sweep(home)  # as every start of the server does

    with serving(home) as after:
        deploying.fleet = after
        if not is_pushed:
            deploying.push(token)
        answers = [deploying.end(), deploying.end()]

        assert [answer.status_code for answer in answers] == [200, 200]
        assert releases.get(after.database, deploying.release["id"]).status == "success"
        assert not list(home.builds.glob("blobs"))


@pytest.mark.slow
def test_who_asks_again_is_told_what_became_of_a_deploy_that_nobody_heard_of(deploying: Deploying) -> None:
    fleet = deploying.fleet
    deploying.push(deploying.token(deploying.repository))
    assert finish(fleet.home, deploying.release["id"]).returncode == 0

    assert deploying.end().status_code == 200
    assert not deploys.going_on(fleet.database)


def test_a_release_that_was_given_up_is_no_success(deploying: Deploying) -> None:
    deploying.end("failed")

    answer = deploying.end()

    assert answer.status_code == 400
    assert answer.text.endswith("is not being deployed any more: failed")


def test_a_full_disk_is_told_and_leaves_nothing_of_the_blob(
    deploying: Deploying, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet, token = deploying.fleet, deploying.token(deploying.repository)
    upload = fleet.call("POST", f"/v2/{deploying.repository}/blobs/uploads/", token).headers["Location"]

    class Full(io.BytesIO):
        def write(self, _data: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *_: Full())
        answer = fleet.call("PATCH", upload, token, data=b"a layer")

    assert (answer.status_code, answer.text) == (507, "the server's disk is full")
    assert fleet.call("PATCH", upload, token, data=b"a layer").status_code == 404


@pytest.mark.slow
def test_a_manifest_that_names_no_digest_reads_no_file(deploying: Deploying) -> None:
    token = deploying.token(deploying.repository)
    manifest = {"config": {"digest": "../../keys/signing.key"}, "layers": []}
    assert deploying.fleet.call("PUT", f"/v2/{deploying.repository}/manifests/x", token, json=manifest).ok

    answer = deploying.end()

    assert (answer.status_code, answer.text) == (400, "'../../keys/signing.key': expected a digest\n")


@pytest.mark.slow
def test_a_service_whose_image_was_never_begun_is_missing(fleet: Fleet, anna: str) -> None:
    deploying = Deploying(fleet, anna, {**SERVICES, "hub": {"image": "x"}})
    deploying.push(deploying.token(deploying.repository))

    answer = deploying.end()

    assert (answer.status_code, answer.text) == (400, "hub: no image was pushed\n")


def test_an_answer_that_was_lost_is_given_again(deploying: Deploying) -> None:
    mine = {"image": deploying.image, "is_part_of__release": deploying.release["id"]}

    assert deploying.post("image__is_part_of__release", **mine) == {"id": deploying.image}
    other = Deploying(deploying.fleet, deploying.anna)
    stolen = mine | {"is_part_of__release": other.release["id"]}
    assert (
        deploying.fleet.call("POST", "/v7/image__is_part_of__release", deploying.anna, json=stolen).status_code == 400
    )


def test_what_is_pushed_for_long_is_pushed_with_one_token(deploying: Deploying) -> None:
    claims = msgspec.json.decode(base64.urlsafe_b64decode(deploying.token(deploying.repository).split(".")[1] + "=="))

    assert claims["exp"] - time.time() > 3 * 3600


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
