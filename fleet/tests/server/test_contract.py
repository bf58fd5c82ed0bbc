"""The requests of balena's supervisor, as they were captured, are answered as its own API answers them."""

import base64
import json
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.home import Configuration, create
from picket_fleet.store import devices, logs, variables
from picket_fleet.store.database import Database
from picket_fleet.store.variables import Variable

CAPTURES = Path(__file__).parent / "captures"
STATE = json.loads((CAPTURES / "target-state-v3-from-open-balena-api.json").read_text())
REQUESTS = (CAPTURES / "supervisor-device-requests.log").read_text().splitlines()


def rows_of(database: Database, state: dict[str, Any], key: str) -> None:
    """Write what a target state was made of."""
    [(uuid, device)] = state.items()
    [(app_uuid, app)] = device["apps"].items()
    [(commit_id, release)] = app["releases"].items()
    composition = {
        "services": {name: service["composition"] for name, service in release["services"].items()},
        "volumes": release["volumes"],
    }
    database.run("UPDATE fleet SET uuid = ?", app_uuid)
    devices.register(database, uuid=uuid, name=device["name"], device_type="raspberrypi4-64", key=key, now=0.0)
    database.run(
        "INSERT INTO release (id, commit_id, semver, revision, status, started_at, composition) "
        "VALUES (?, ?, '1.0.0', 0, 'success', 1, ?)",
        *(release["id"], commit_id, json.dumps(composition)),
    )
    for name, service in release["services"].items():
        location, image_id = service["image"].partition("/v2/")[2].split("@sha256:")
        database.run("INSERT INTO service VALUES (?, ?)", service["id"], name)
        database.run("INSERT INTO config VALUES (?, '{}')", image_id)
        database.run(
            "INSERT INTO image VALUES (?, ?, ?, ?, ?)",
            *(service["image_id"], release["id"], service["id"], location, image_id),
        )


@pytest.fixture
def captured(tmp_path: Path, serve: Any) -> Iterator[Any]:
    """Serve a fleet that is made of the rows behind the captured state."""
    configuration = Configuration("myfleet", "raspberrypi4-64", "https://localhost:5001", "127.0.0.1:0")
    home = create(tmp_path / "fleet", configuration)
    database = home.database()
    rows_of(database, STATE, "k" * 32)
    database.close()
    with serve(home) as fleet:
        yield fleet


def fields(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Return every field of a document with its path."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{key}")
    else:
        yield path, value


def test_the_target_state_is_balenas_field_by_field(captured: Any) -> None:
    [uuid] = STATE

    response = captured.call("GET", f"/device/v3/{uuid}/state", "k" * 32)

    assert response.status_code == 200
    assert dict(fields(response.json())) == dict(fields(STATE))


def test_variables_reach_the_captured_services(captured: Any) -> None:
    [uuid] = STATE
    variables.put(captured.database, Variable(None, "web", "LEVEL", "2"))
    variables.put(captured.database, Variable(1, "", "BALENA_SUPERVISOR_POLL_INTERVAL", "900000"))

    state = captured.call("GET", f"/device/v3/{uuid}/state", "k" * 32).json()[uuid]

    [app] = state["apps"].values()
    [release] = app["releases"].values()
    assert {name: service["environment"] for name, service in release["services"].items()} == {
        "sensor": {},
        "web": {"LEVEL": "2"},
    }
    assert state["config"] == {"BALENA_SUPERVISOR_POLL_INTERVAL": "900000"}


class LogStream:
    """The supervisor's log stream: one chunked, gzipped request, flushed line by line, answered when it ends."""

    def __init__(self, call: Callable[..., Any], uuid: str, key: str) -> None:
        """Open it."""
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.responses: list[Any] = []
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}

        def send() -> None:
            path = f"/device/v2/{uuid}/log-stream"
            self.responses.append(call("POST", path, key, headers=headers, data=self._chunks()))

        self._thread = threading.Thread(target=send)
        self._thread.start()

    def say(self, line: str) -> None:
        """Send a line."""
        self._lines.put(line)

    def close(self) -> None:
        """End it."""
        self._lines.put(None)
        self._thread.join(30)

    def _chunks(self) -> Iterator[bytes]:
        packer = zlib.compressobj(wbits=31)
        yield packer.flush(zlib.Z_SYNC_FLUSH)
        while (line := self._lines.get()) is not None:
            yield packer.compress(line.encode() + b"\n") + packer.flush(zlib.Z_SYNC_FLUSH)
        yield packer.flush()


@pytest.fixture
def supervised(tmp_path: Path, serve: Any) -> Iterator[Any]:
    """Serve the fleet that the captured supervisor belonged to."""
    configuration = Configuration("myfleet", "raspberrypi4-64", "https://localhost:5000", "127.0.0.1:0")
    home = create(tmp_path / "fleet", configuration)
    database = home.database()
    database.run("UPDATE fleet SET uuid = ?", "a" * 32)
    for number, (commit_id, suffixes) in enumerate((("b" * 32, "aaaa"), ("c" * 32, "bbbb")), 1):
        database.run(
            "INSERT INTO release (id, commit_id, semver, revision, status, started_at) "
            "VALUES (?, ?, '1.0.0', ?, 'success', ?)",
            *(number, commit_id, number, number),
        )
        database.run("INSERT OR IGNORE INTO service VALUES (1, 'sensor')")
        database.run("INSERT OR IGNORE INTO config VALUES ('0', '{}')")
        database.run("INSERT INTO image VALUES (?, ?, 1, ?, '0')", number, number, f"sensor{suffixes}")
    database.close()
    with serve(home) as fleet:
        yield fleet


def test_the_captured_supervisor_is_served(supervised: Any, until: Any) -> None:
    fleet = supervised
    uuid = REQUESTS[0].split("/")[3]
    key = REQUESTS[0].rpartition("Bearer ")[2].ljust(32, "0")
    device = fleet.join("shed", uuid, key)
    streams: list[LogStream] = []
    token = ""
    for request in REQUESTS:
        what, _, rest = request.partition(" ")
        path, _, extra = rest.partition(" ")
        if what == "GET" and path.endswith("/state"):
            assert fleet.call("GET", path, key).status_code == 200
        elif what == "LOGSTREAM":
            streams.append(LogStream(fleet.call, uuid, key))
        elif what == "LOG":
            streams[-1].say(rest)
        elif what == "PATCH":
            assert fleet.call("PATCH", path, key, data=extra).status_code == 200
        elif path.startswith("/auth"):
            login = base64.b64encode(f"d_{uuid}:{key}".encode()).decode()
            answer = fleet.call("GET", path, headers={"Authorization": f"Basic {login}"})
            assert answer.status_code == 200
            token = answer.json()["token"]
        elif path.startswith("/api/v3/delta"):
            assert fleet.call("GET", path, token).status_code == 404, "it falls back to the full image"
    assert not any(stream.responses for stream in streams), "an early answer is an error to the supervisor"
    for stream in streams:
        stream.close()
    said = [json.loads(line[4:])["message"] for line in REQUESTS if line.startswith("LOG ")]

    lines = until(lambda: len(kept := logs.tail(fleet.database, device.id, count=1000)) == len(said) and kept)

    assert sorted(line.message for line in lines) == sorted(said)
    assert all(line.is_system for line in lines)
    assert [stream.responses[0].status_code for stream in streams] == [200] * len(streams)
    known = devices.get(fleet.database, device.id)
    assert known.running == "b" * 32
    assert known.is_online(known.seen_at or 0.0)
    assert known.report == {
        "cpu_usage": 26,
        "memory_usage": 796,
        "storage_usage": 43127,
        "apps": json.loads([line for line in REQUESTS if line.startswith("PATCH")][-1].split(" ", 2)[2])[uuid]["apps"],
    }


def test_the_key_exchange_of_a_device_that_is_there_already(fleet: Any) -> None:
    provisioning = fleet.provisioning_key()
    body = {"application": 1, "uuid": "a" * 32, "device_type": "raspberrypi4-64", "api_key": "b" * 32}
    body |= {"supervisor_version": "19.0.5", "os_version": "x", "os_variant": "prod", "mac_address": "00:00"}
    joined = fleet.call("POST", "/device/register", provisioning, json=body)
    assert joined.status_code == 201
    assert joined.json().items() >= {"id": 1, "uuid": "a" * 32, "api_key": "b" * 32}.items()

    again = fleet.call("POST", "/device/register", provisioning, json=body | {"api_key": "c" * 32})
    query = f"/v7/device?$filter=uuid eq '{'a' * 32}'&$select=id"
    refused = fleet.call("GET", query, "c" * 32)
    found = fleet.call("GET", query, provisioning).json()["d"]
    exchanged = fleet.call(
        "POST", f"/api-key/device/{found[0]['id']}/device-key", provisioning, json={"apiKey": "c" * 32}
    )

    assert (again.status_code, again.text) == (409, '"uuid" must be unique.')
    assert refused.status_code == 401
    assert exchanged.status_code == 200
    assert fleet.call("GET", query, "c" * 32).json()["d"] == found
    assert fleet.call("GET", query, "b" * 32).status_code == 401


def test_what_a_supervisor_does_when_it_has_joined(fleet: Any) -> None:
    device = fleet.join("shed", "a" * 32)
    devices.tag(fleet.database, device.id, "place", "garden")
    given = {"device": device.id, "name": "RESIN_HOST_CONFIG_gpu_mem", "value": "16"}

    assert fleet.call("GET", "/connectivity-check").status_code == 200
    assert fleet.call("GET", "/v7/device_config_variable", device.key).json() == {"d": []}
    assert fleet.call("POST", "/v7/device_config_variable", device.key, json=given).status_code == 201
    assert fleet.call("PATCH", f"/v7/device({device.id})", device.key, json={"device_name": "gate"}).text == "OK"
    assert fleet.call("GET", "/v7/device_tag", device.key).json()["d"] == [
        {"id": 1, "tag_key": "place", "value": "garden"}
    ]

    state = fleet.call("GET", f"/device/v3/{device.uuid}/state", device.key).json()[device.uuid]
    assert state["name"] == "gate"
    assert state["config"] == {"RESIN_SUPERVISOR_POLL_INTERVAL": "600000", "RESIN_HOST_CONFIG_gpu_mem": "16"}


def test_the_supervisor_polls_with_what_it_has(captured: Any) -> None:
    [uuid] = STATE
    first = captured.call("GET", f"/device/v3/{uuid}/state", "k" * 32)

    same = captured.call("GET", f"/device/v3/{uuid}/state", "k" * 32, headers={"If-None-Match": first.headers["ETag"]})
    devices.rename(captured.database, 1, "old-house")
    other = captured.call("GET", f"/device/v3/{uuid}/state", "k" * 32, headers={"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert other.status_code == 200
    assert other.headers["ETag"] != first.headers["ETag"]
