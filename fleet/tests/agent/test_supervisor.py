"""What services may ask the agent, and how their tags reach the server."""

import json
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.agent.container import Host, wanted
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import ServerError, ServerGoneError
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.supervisor import Status, Supervisor, Tags, key_of
from picket_fleet.agent.target import Release, ReleaseState, ServiceState

KEY = key_of("the device's own")
HOST = Host("u" * 32, "house", "raspberrypi4-64", "aarch64", "Debian", "/locks", ("172.17.0.1", 48484, KEY))


class FakeServer:
    """Takes tags, or refuses them."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.error: Exception | None = None

    def tag(self, name: str, value: str) -> None:
        if self.error:
            raise self.error
        self.tags[name] = value


def supervisor(folder: Path, server: FakeServer | None = None) -> tuple[Supervisor, Tags]:
    tags = Tags(Folder(folder), (server or FakeServer()).tag)
    return Supervisor(Engine("/no/socket"), KEY, lambda: Status("Front door", "c" * 32, True), tags), tags


@pytest.mark.parametrize(
    ("method", "path", "key", "status", "said"),
    [
        pytest.param("GET", "/v2/device/name", KEY, 200, {"deviceName": "Front door"}, id="name"),
        pytest.param("GET", "/v2/state/status", KEY, 200, {"release": "c" * 32, "appState": "applied"}, id="release"),
        pytest.param("GET", "/v2/device/name", "another", 401, {"status": "failed"}, id="a wrong key"),
        pytest.param("GET", "/v2/device/name", "", 401, {"status": "failed"}, id="no key"),
        pytest.param("GET", "/v2/device/vpn", KEY, 404, {"status": "failed"}, id="what it does not know"),
    ],
)
def test_a_service_asks(method: str, path: str, key: str, status: int, said: dict[str, Any], tmp_path: Path) -> None:
    found, answer = supervisor(tmp_path)[0].answer(method, path, f"Bearer {key}", b"")

    assert found == status
    assert answer.items() >= said.items()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"a": 1}', id="no text"),
        pytest.param(b'{"a b": "c"}', id="a space"),
        pytest.param(json.dumps({"a": "x" * 300}).encode(), id="too long"),
    ],
)
def test_tags_that_balena_would_refuse_are_refused(body: bytes, tmp_path: Path) -> None:
    asked, tags = supervisor(tmp_path)

    assert asked.answer("PATCH", "/v2/device/tags", f"Bearer {KEY}", body)[0] == 400
    tags.deliver()


def test_a_tag_is_delivered_when_the_server_is_back_even_by_another_agent(tmp_path: Path) -> None:
    server = FakeServer()
    asked, tags = supervisor(tmp_path, server)
    server.error = ServerGoneError("away")
    assert asked.answer("PATCH", "/v2/device/tags", f"Bearer {KEY}", b'{"picket_health": "ok"}')[0] == 202
    with pytest.raises(ServerGoneError):
        tags.deliver()

    server.error = None
    supervisor(tmp_path, server)[1].deliver()

    assert server.tags == {"picket_health": "ok"}


def test_a_tag_that_the_server_does_not_take_is_not_tried_for_ever(tmp_path: Path) -> None:
    server = FakeServer()
    server.error = ServerError("no", 400)
    asked, tags = supervisor(tmp_path, server)
    asked.answer("PATCH", "/v2/device/tags", f"Bearer {KEY}", b'{"io.balena.x": "y"}')

    tags.deliver()
    server.error = None
    tags.deliver()

    assert server.tags == {}


def test_a_tag_is_delivered_though_the_disk_takes_nothing(tmp_path: Path) -> None:
    server = FakeServer()
    asked, tags = supervisor(tmp_path, server)
    (tmp_path / ".tags.json.new").mkdir()  # where it would be written

    assert asked.answer("PATCH", "/v2/device/tags", f"Bearer {KEY}", b'{"picket_health": "ok"}')[0] == 202
    tags.deliver()

    assert server.tags == {"picket_health": "ok"}


@pytest.mark.parametrize(
    ("labels", "has_it"),
    [
        pytest.param({"io.balena.features.supervisor-api": "1"}, True, id="with the label"),
        pytest.param({}, False, id="without"),
    ],
)
def test_a_service_with_the_label_is_given_address_and_key(labels: dict[str, str], has_it: bool) -> None:
    state = ReleaseState(5, {"web": ServiceState(id=1, image_id=7, image="r/v2/x", labels=labels)})

    found = wanted(Release("c" * 32, "a" * 32, 1, "town", state, {"web": "0" * 64}), HOST)["web"].body["Env"]

    assert ("BALENA_SUPERVISOR_ADDRESS=http://172.17.0.1:48484" in found) == has_it
    assert (f"RESIN_SUPERVISOR_API_KEY={KEY}" in found) == has_it
