"""No key, no answer; a device's key opens what is its own; secrets stay where they are."""

import base64
import json
import logging
import threading
import time
from typing import Any

import pytest
import requests

from picket_fleet.server import app
from picket_fleet.server.tokens import GOOD_SECONDS, Tokens
from picket_fleet.store import images, keys, logs, variables
from picket_fleet.store.variables import Variable

OPEN = {"/ping", "/connectivity-check", "/config/vars"}
FILLED = {
    "{uuid}": "a" * 32,
    r"{id:\d{1,9}}": "1",
    "{selector}": "1",
    "{base}": "b" * 32,
    "{target}": "c" * 32,
    "{diff_id}": "d" * 64,
    "{image_id}": "e" * 64,
    r"{resource:\w+}": "release",
    "{location:[0-9a-f]{32}}": "a" * 32,
    "{digest:sha256:[0-9a-f]{64}}": f"sha256:{'b' * 64}",
    "{number:[0-9a-f]{32}}": "c" * 32,
    "{tag}": "latest",
}


def addresses() -> list[tuple[str, str]]:
    asked = []
    for route in app.ROUTES:
        path = route.path
        for name, value in FILLED.items():
            path = path.replace(name, value)
        if path not in OPEN:
            asked.append((route.method, path))
    return asked


@pytest.mark.parametrize(("method", "path"), addresses(), ids=lambda part: part)
@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Bearer wrong", "Bearer " + "f" * 32, "Basic Og==", "Basic !!", "Digest x"],
)
def test_without_a_good_key_there_is_one_answer(running: Any, method: str, path: str, header: str) -> None:
    response = running.call(method, path, headers={"Authorization": header} if header else {}, json={"uuid": "x"})

    assert (response.status_code, response.text) == (401, "" if method == "HEAD" else "401: Unauthorized")


@pytest.mark.parametrize(
    "path", ["/v7/device", "/auth/v1/token?scope=x", "/api/v3/delta", "/v2/", f"/device/v3/{'a' * 32}/state"]
)
@pytest.mark.parametrize(
    "key", [b"Bearer \xff", b"Bearer a.b.\xff", b"Bearer \xed\xa0\x80", b"Basic \xff", b"Basic \xc3\xa9"]
)
def test_a_key_that_is_no_text_is_no_key(running: Any, path: str, key: bytes) -> None:
    assert running.call("GET", path, headers={"Authorization": key}).status_code == 401


def test_a_devices_key_opens_its_own_state_and_no_others(fleet: Any) -> None:
    shed, gate = fleet.join("shed"), fleet.join("gate")
    variables.put(fleet.database, Variable(gate.id, "", "PASSWORD", "of-the-gate"))

    for path in (f"/device/v3/{gate.uuid}/state", f"/device/v3/{gate.uuid.upper()}/state", "/device/v3/*/state"):
        refused = fleet.call("GET", path, shed.key)
        assert refused.status_code == 401
        assert "of-the-gate" not in refused.text
    assert "of-the-gate" not in fleet.call("GET", f"/device/v3/{shed.uuid}/state", shed.key).text
    assert fleet.call("POST", f"/device/v2/{gate.uuid}/log-stream", shed.key).status_code == 401
    assert fleet.call("PATCH", f"/v7/device({gate.id})", shed.key, json={"device_name": "x"}).status_code == 401
    assert fleet.call("GET", f"/v7/device?$filter=uuid eq '{gate.uuid}'", shed.key).json() == {"d": []}
    variable = {"device": gate.id, "name": "RESIN_HOST_CONFIG_x", "value": "1"}
    assert fleet.call("POST", "/v7/device_config_variable", shed.key, json=variable).status_code == 401


def test_a_device_reports_itself_only(fleet: Any) -> None:
    shed, gate = fleet.join("shed"), fleet.join("gate")

    for body in ({gate.uuid: {"status": "x"}}, {shed.uuid: {"status": "x"}, gate.uuid: {"status": "x"}}):
        assert fleet.call("PATCH", "/device/v3/state", shed.key, json=body).status_code == 401

    assert fleet.database.all("SELECT report FROM device WHERE report <> '{}'") == []


def test_one_kind_of_key_does_not_do_for_another(fleet: Any) -> None:
    shed = fleet.join("shed")
    provisioning = fleet.provisioning_key()
    person = keys.give_out(fleet.database, keys.PERSON, "ann")
    joining = {"uuid": "b" * 32, "device_type": "x"}

    for key in (shed.key, person):
        assert fleet.call("POST", "/device/register", key, json=joining).status_code == 401
        taken = fleet.call("POST", f"/api-key/device/{shed.id}/device-key", key, json={"apiKey": "x" * 32})
        assert taken.status_code == 401
    for key in (provisioning, person):
        assert fleet.call("GET", f"/device/v3/{shed.uuid}/state", key).status_code == 401
        assert fleet.call("GET", "/device/v3/None/state", key).status_code == 401


@pytest.mark.parametrize("seconds", [-1.0, 0.0])
def test_an_expired_provisioning_key_lets_nobody_in(fleet: Any, seconds: float) -> None:
    expired = fleet.provisioning_key(expires_at=time.time() + seconds)

    answer = fleet.call("POST", "/device/register", expired, json={"uuid": "b" * 32, "device_type": "x"})

    assert answer.status_code == 401


def test_nobody_takes_the_place_of_a_device_that_is_online(fleet: Any) -> None:
    shed = fleet.join("shed")
    assert fleet.ask(shed).status_code == 200

    taken = fleet.call(
        "POST", f"/api-key/device/{shed.id}/device-key", fleet.provisioning_key(), json={"apiKey": "x" * 32}
    )

    assert (taken.status_code, taken.text) == (409, "shed is online")
    assert fleet.ask(shed).status_code == 200


def basic(device: Any) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"d_{device.uuid}:{device.key}".encode()).decode()}


def test_a_token_opens_what_was_asked_for_until_it_expires(fleet: Any) -> None:
    shed, gate = fleet.join("shed"), fleet.join("gate")
    old, new = (images.of(fleet.database, fleet.publish(layer).id)[0] for layer in (b"1", b"2"))
    src, dest = (f"127.0.0.1:8443/v2/{image.location}@sha256:{image.image_id}" for image in (old, new))
    scopes = f"scope=repository:v2/{old.location}:pull&scope=repository:v2/{new.location}:pull"
    token = fleet.call("GET", f"/auth/v1/token?service=x&{scopes}", headers=basic(shed)).json()["token"]
    some = fleet.call("GET", f"/auth/v1/token?scope=repository:v2/{old.location}:pull", headers=basic(shed))
    none = fleet.call("GET", "/auth/v1/token?scope=repository:v2/unknown:pull", headers=basic(shed)).json()["token"]
    path = f"/api/v3/delta?src={src}&dest={dest}"

    assert fleet.call("GET", path, token).status_code == 404
    assert fleet.call("GET", path, some.json()["token"]).status_code == 401
    assert fleet.call("GET", path, none).status_code == 401
    assert fleet.call("GET", path, shed.key).status_code == 401
    for part in range(3):
        forged = token.split(".")
        forged[part] = forged[part][:-4] + "AAAA"
        assert fleet.call("GET", path, ".".join(forged)).status_code == 401
    stolen = {"Authorization": "Basic " + base64.b64encode(f"d_{gate.uuid}:{shed.key}".encode()).decode()}
    assert fleet.call("GET", f"/auth/v1/token?{scopes}", headers=stolen).status_code == 401
    assert fleet.call("GET", f"/device/v3/{shed.uuid}/state", token).status_code == 401


def test_an_expired_or_foreign_token_is_none() -> None:
    tokens = Tokens(b"ours")
    token = tokens.issue("a" * 32, "registry", ["v2/x"], now=0.0)
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=") + "." + token.split(".")[1] + "."

    assert tokens.read(token, GOOD_SECONDS - 0.1) is not None
    assert tokens.read(token, GOOD_SECONDS) is None
    assert Tokens(b"another's").read(token, 0.0) is None
    for text in (unsigned, "", "..", "a.b.c", token + "=", token[:-1], "é.é.é"):
        assert tokens.read(text, 0.0) is None


@pytest.mark.parametrize(
    "path",
    [
        "/layer/../../keys/signing.key",
        "/layer/..%2f..%2fkeys%2fsigning.key",
        "/layer/%2e%2e/%2e%2e/fleet.sqlite",
        "/layer//etc/passwd",
        "/layer/%00",
        f"/layer/{'d' * 64}%00",
        f"/layer/{'D' * 64}",
        f"/layer/{'d' * 64}/../../../fleet.yaml",
        "/config/..%2f..%2ffleet.yaml",
        f"/delta/..%2f..%2fkeys/{'c' * 32}",
        f"/delta/{'b' * 32}/..%2f..%2f..%2fetc%2fpasswd",
        f"/delta/{'b' * 32}/{'c' * 32}%0a",
        "/delta/../../../../etc/passwd",
        "/keys/signing.key",
        "/static/../fleet.sqlite",
        "//etc/passwd",
    ],
)
def test_no_path_leads_out(running: Any, path: str) -> None:
    target = f"https://127.0.0.1:{running.port}{path}"
    prepared = requests.Request("GET", target, headers={"Authorization": "Bearer " + "s" * 32}).prepare()
    prepared.url = target  # as it is, not as a well-behaved client would write it

    response = running.session.send(prepared, timeout=30)

    assert response.status_code in (400, 404)
    assert b"PRIVATE" not in response.content


def test_a_layer_in_the_folder_that_is_of_no_release_is_not_given_out(running: Any) -> None:
    running.home.layer("d" * 64).write_bytes(b"of another build")

    assert running.call("GET", f"/layer/{'d' * 64}", "s" * 32).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"a":1}', 400),
        (b'{"' + b"s" * 32 + b'":' + b'{"a":' * 100_000, 400),
        (b"\xff\xfe", 400),
        (b'{"a":{"b":"' + b"x" * 600_000 + b'"}}', 413),
    ],
    ids=["empty", "list", "flat", "deep", "no text", "large"],
)
def test_a_report_that_is_none_is_refused(running: Any, body: bytes, status: int) -> None:
    assert running.call("PATCH", "/device/v3/state", "s" * 32, data=body).status_code == status


def test_a_report_does_not_grow_without_end(fleet: Any) -> None:
    shed = fleet.join("shed")

    answers = [
        fleet.call("PATCH", "/device/v3/state", shed.key, json={shed.uuid: {str(number): "x" * 200_000}}).status_code
        for number in range(4)
    ]

    assert answers == [200, 200, 413, 413]


@pytest.mark.parametrize(
    "body",
    [
        {"uuid": "x", "device_type": "x"},
        {"uuid": "a" * 33, "device_type": "x"},
        {"uuid": "A" * 32, "device_type": "x"},
        {"uuid": "b" * 32, "device_type": "../x"},
        {"uuid": "b" * 32, "device_type": "x", "api_key": "short"},
        {"uuid": "b" * 32, "device_type": "x", "application": 2},
        {"uuid": "b" * 32, "device_type": "x", "device_name": "a/b"},
        {"uuid": "b" * 32 + "\n", "device_type": "x"},
        {"device_type": "x"},
        [],
    ],
)
def test_a_machine_that_makes_no_sense_does_not_join(fleet: Any, body: Any) -> None:
    assert fleet.call("POST", "/device/register", fleet.provisioning_key(), json=body).status_code == 400
    assert fleet.database.all("SELECT * FROM device") == []


def test_secrets_stay_out_of_the_log_and_of_answers(home: Any, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with serve(home) as fleet:
        provisioning = fleet.provisioning_key()
        body = {"uuid": "b" * 32, "device_type": "x", "api_key": "k" * 32}
        device = fleet.join("gate")
        variables.put(fleet.database, Variable(None, "", "PASSWORD", "open-sesame"))
        answers = [
            fleet.call("POST", "/device/register", provisioning, json=body),
            fleet.call("POST", "/device/register", provisioning, json=body | {"api_key": "z" * 32}),
            fleet.call("GET", f"/device/v3/{'b' * 32}/state", "k" * 32),
            fleet.call("GET", f"/device/v3/{'b' * 32}/state", device.key),
            fleet.call("GET", f"/device/v3/{'b' * 32}/state?apikey={device.key}"),
            fleet.call("GET", "/auth/v1/token?scope=x", headers=basic(device)),
            fleet.call("PATCH", "/device/v3/state", device.key, json={device.uuid: {"api_secret": "of-supervisor"}}),
        ]
        token = answers[5].json()["token"]
        stored = json.dumps([[str(v) for v in row] for row in fleet.database.all("SELECT * FROM device")])

    server_said = "".join(record.getMessage() for record in caplog.records if not record.name.startswith("urllib3"))
    said = server_said + stored + "".join(answer.text for answer in answers[1:2] + answers[3:5])
    for secret in (provisioning, "k" * 32, device.key, "open-sesame", token, "of-supervisor"):
        assert secret not in said
    assert all("Server" not in answer.headers for answer in answers)


def test_who_has_no_good_key_is_named_once_in_the_log(home: Any, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
    with serve(home) as fleet:
        for key in ("", "wrong", "f" * 32):
            assert fleet.call("GET", "/v7/device", key).status_code == 401

    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "127.0.0.1 has no good key"
    ]


def test_a_stranger_gets_no_further_than_the_handshake_without_tls(fleet: Any) -> None:
    with pytest.raises(requests.RequestException):
        requests.get(f"http://127.0.0.1:{fleet.port}/ping", timeout=60)
    with pytest.raises(requests.exceptions.SSLError):  # nor a device that pins another certificate
        requests.get(f"https://127.0.0.1:{fleet.port}/ping", timeout=60)
    assert fleet.call("GET", "/ping").text == "OK"


@pytest.mark.parametrize("body", [b"not gzip at all", b"\x1f\x8b\x08\x00garbage" * 10], ids=["text", "garbage"])
def test_a_log_stream_of_garbage_harms_nothing(fleet: Any, body: bytes) -> None:
    shed = fleet.join("shed")
    path = f"/device/v2/{shed.uuid}/log-stream"

    answer = fleet.call("POST", path, shed.key, data=body, headers={"Content-Encoding": "gzip"})

    assert answer.status_code == 400
    assert fleet.call("GET", "/ping").text == "OK"
    assert logs.tail(fleet.database, shed.id) == []


def test_many_who_wait_hinder_nobody(fleet: Any) -> None:
    shed = fleet.join("shed")
    etag = fleet.ask(shed).headers["ETag"]
    waiting = [
        threading.Thread(target=fleet.ask, args=(shed,), kwargs={"If_None_Match": etag, "Picket_Wait": "60"})
        for _ in range(8)
    ]
    for thread in waiting:
        thread.start()

    assert fleet.call("GET", "/ping").text == "OK"
    fleet.publish()
    for thread in waiting:
        thread.join(30)
    assert not any(thread.is_alive() for thread in waiting)
