"""From nothing to a device that has joined: the commands, a real server, and the agent's own join."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from picket_fleet import home
from picket_fleet.agent import device as identity
from picket_fleet.store import releases
from picket_fleet.store.releases import Build, Release
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

DEADLINE_SECONDS = 60.0
FLEET = [sys.executable, "-c", "import sys; from picket_fleet.cli import main; sys.exit(main())"]


def until(what: str, look: Callable[[], Any]) -> Any:
    return wait_for(what, look, DEADLINE_SECONDS)


@pytest.fixture
def address() -> str:
    return f"https://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture
def folder(run: Any, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a fleet by the command, and let commands find it."""
    folder = tmp_path / "fleet"
    words = ["--name", "house", "--address", address, "--device-type", "raspberrypi4-64", "--listen", address[8:]]
    assert run("init", str(folder), *words).code == 0
    monkeypatch.setenv("PICKET_FLEET", str(folder))
    return folder


@pytest.fixture
def server(folder: Path, address: str) -> Iterator[subprocess.Popen[str]]:
    """Serve it by the command."""
    with subprocess.Popen([*FLEET, "serve"], stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            until("the server", lambda: process.poll() is not None or _pings(folder, address))
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_SECONDS)


def _pings(folder: Path, address: str) -> bool:
    try:
        return requests.get(f"{address}/ping", verify=folder / "keys" / "server.crt", timeout=5).ok
    except requests.RequestException:
        return False


def publish(folder: Path) -> Release:
    """Build a release of one service."""
    fleet = home.load(folder)
    database = fleet.database()
    begun = releases.begin(database, "0.1.0", time.time())
    build = Build({"services": {"web": {}}}, {"web": json.dumps({"rootfs": {"diff_ids": []}}).encode()})
    release = releases.publish(database, begun.id, build, fleet.sign, time.time())
    database.close()
    return release


def joins(run: Any, card: Path, command: str) -> Any:
    """Run, on a card, the command that `fleet join` or `fleet replace` printed."""
    return run("device", *command.split()[2:], "--folder", str(card))


def test_a_fleet_is_made_with_all_that_it_needs(run: Any, folder: Path, address: str) -> None:
    fleet = home.load(folder)

    assert (fleet.configuration.address, fleet.configuration.listen) == (address, address[8:])
    done = subprocess.run(["git", "ls-remote", fleet.repository], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert run("devices").out == "no device has joined yet ('fleet join NAME' says how)\n"
    assert f"git remote add fleet {fleet.repository}" in run("releases").out


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"--address": "http://x"}, "address: expected https://host:port, got 'http://x'", id="no TLS"),
        pytest.param({"--name": "a b"}, "name: expected letters, digits, '-' and '_', got 'a b'", id="name"),
        pytest.param(
            {"--device-type": "Pi 4"}, "device_type: expected one like 'raspberrypi4-64', got 'Pi 4'", id="device type"
        ),
    ],
)
def test_a_fleet_that_could_not_be_is_not_made(run: Any, tmp_path: Path, change: dict[str, str], reason: str) -> None:
    given = {"--name": "house", "--address": "https://10.0.0.5:8443", "--device-type": "raspberrypi4-64", **change}

    said = run("init", str(tmp_path / "new"), *(word for pair in given.items() for word in pair))

    assert (said.code, said.err) == (1, f"fleet: {reason}\n")
    assert not (tmp_path / "new").exists()


def test_the_server_binds_to_the_port_of_its_address(run: Any, tmp_path: Path) -> None:
    run(
        "init",
        str(tmp_path),
        "--name",
        "a",
        "--address",
        "https://fleet.example:9443/",
        "--device-type",
        "raspberrypi5",
    )

    assert home.load(tmp_path).configuration.listen == "0.0.0.0:9443"


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_device_joins_and_a_new_card_takes_its_place(run: Any, folder: Path, tmp_path: Path) -> None:
    release = publish(folder)
    said = joins(run, tmp_path / "card1", run("join", "hall", "--json").json["command"])
    assert (said.code, said.err) == (0, "")
    first = identity.read(tmp_path / "card1")
    assert (first.name, first.signing_key) == ("hall", home.load(folder).public_key().hex())
    assert [view["name"] for view in run("devices", "--json").json] == ["hall"]

    run("env", "set", "ZONE=cellar", "--device", "hall")
    run("tag", "hall", "floor=0")
    run("pin", release.version, "--device", "hall")
    said = joins(run, tmp_path / "card2", run("replace", "hall", "--json").json["command"])

    assert (said.code, said.err) == (0, "")
    second = identity.read(tmp_path / "card2")
    [view] = run("devices", "--json").json
    assert (view["name"], view["uuid"], view["is_pinned"]) == ("hall", second.uuid, True)
    assert run("device", "hall", "--json").json["tags"] == {"floor": "0"}
    assert [v["value"] for v in run("env", "list", "--show", "--json").json] == ["cellar"]
    assert _state(folder, first, 0).status_code == 401, "the old card opens nothing any more"
    assert _state(folder, second, 0).json()["state"][second.uuid]["name"] == "hall"


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_key_is_good_once_for_a_name_and_for_the_right_server(run: Any, tmp_path: Path) -> None:
    command = run("join", "hall", "--json").json["command"]
    wrong = command.replace("--fingerprint ", "--fingerprint 00")[:-2]

    assert joins(run, tmp_path / "card1", wrong).code == 1
    assert joins(run, tmp_path / "card1", command).code == 0
    again = joins(run, tmp_path / "card2", command)

    assert again.code == 1
    assert again.err.startswith("fleet: the server says 409 to /device/register")
    assert len(run("devices", "--json").json) == 1


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_key_for_a_name_opens_nobody_else_s_place(run: Any, folder: Path, tmp_path: Path) -> None:
    joins(run, tmp_path / "card", run("join", "hall", "--json").json["command"])
    device = identity.read(tmp_path / "card")
    for words, status in ((["join", "attic"], 401), (["replace", "hall"], 200)):
        key = run(*words, "--json").json["key"]
        answer = requests.post(
            f"{device.server}/api-key/device/1/device-key",
            json={"apiKey": "k" * 32},
            headers={"Authorization": f"Bearer {key}"},
            verify=folder / "keys" / "server.crt",
            timeout=DEADLINE_SECONDS,
        )
        assert answer.status_code == status, words


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_device_that_came_back_keeps_its_place(run: Any, folder: Path, tmp_path: Path) -> None:
    joins(run, tmp_path / "card1", run("join", "hall", "--json").json["command"])
    command = run("replace", "hall", "--json").json["command"]
    device = identity.read(tmp_path / "card1")
    assert _state(folder, device, 0).status_code == 200

    said = joins(run, tmp_path / "card2", command)

    assert said.code == 1
    assert said.err.endswith("hall is online\n")
    assert [view["uuid"] for view in run("devices", "--json").json] == [device.uuid]


@pytest.mark.slow
@pytest.mark.usefixtures("server")
def test_a_device_that_waits_hears_of_every_command(run: Any, folder: Path, tmp_path: Path) -> None:
    first, second = publish(folder), publish(folder)
    joins(run, tmp_path / "card", run("join", "hall", "--json").json["command"])
    device = identity.read(tmp_path / "card")
    etag = _state(folder, device, 0).headers["ETag"]

    for words, expected in (
        (["pin", first.version], first.commit_id),
        (["pin", "--latest"], second.commit_id),
        (["invalidate", second.version], first.commit_id),
        (["restart", "hall"], '"restarts":{"":1}'),
        (["rename", "hall", "attic"], '"name":"attic"'),
        (["env", "set", "ZONE=cellar"], '"ZONE":"cellar"'),
    ):
        heard: list[requests.Response] = []
        waits = threading.Thread(target=lambda etag=etag, heard=heard: heard.append(_state(folder, device, 60, etag)))
        waits.start()
        began = time.monotonic()
        assert run(*words).code == 0
        waits.join(DEADLINE_SECONDS)
        assert time.monotonic() - began < 50
        assert heard[0].status_code == 200
        assert expected in heard[0].text, words
        etag = heard[0].headers["ETag"]
    assert run("devices", "--json").json[0]["state"] == "online"
    assert run("remove", "attic").code == run("replace", "attic").code == 1, "it is online"


@pytest.mark.slow
def test_ctrl_c_ends_the_server_quietly(server: subprocess.Popen[str]) -> None:
    server.send_signal(signal.SIGINT)
    _, said = server.communicate(timeout=DEADLINE_SECONDS)

    assert server.returncode == 0
    assert "Traceback" not in said


@pytest.mark.slow
def test_a_port_that_is_taken_is_said_in_a_line(server: subprocess.Popen[str]) -> None:
    assert server.poll() is None
    done = subprocess.run([*FLEET, "serve"], capture_output=True, text=True, check=False, timeout=DEADLINE_SECONDS)

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "fleet: " in done.stderr and "address already in use" in done.stderr


def _state(folder: Path, device: identity.Device, wait_seconds: int, etag: str = "") -> requests.Response:
    """Ask for the target state as the agent does."""
    headers = {
        "Authorization": f"Bearer {device.key}",
        "Accept": "application/vnd.picket.state+json",
        "Picket-Release": "",
        "Picket-Wait": str(wait_seconds),
        "If-None-Match": etag,
    }
    url = f"{device.server}/device/v3/{device.uuid}/state"
    return requests.get(url, headers=headers, verify=folder / "keys" / "server.crt", timeout=DEADLINE_SECONDS * 2)
