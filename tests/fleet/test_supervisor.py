"""Picket's own gateway asks the fleet's agent, as it asks balena's supervisor."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.supervisor import Supervisor as Client
from picket.supervisor import SupervisorError
from picket_fleet.agent import supervisor
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.supervisor import Status, Supervisor, Tags, key_of
from picket_gateway.dashboard import visit
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

KEY = key_of("the device's own")


@pytest.fixture
def delivered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, dict[str, str]]]:
    """Serve as an agent does; gives the address, and the tags that came to the server."""
    (port,) = free_ports(1)
    monkeypatch.setattr(supervisor, "PORT", port)
    monkeypatch.setattr(supervisor, "address", lambda _engine: "127.0.0.1")
    tags: dict[str, str] = {}
    waiting = Tags(Folder(tmp_path), tags.__setitem__)
    served = Supervisor(Engine("/no/socket"), KEY, lambda: Status("Front door", "c" * 32, True), waiting)
    threading.Thread(target=served.run, args=(lambda: True,), daemon=True).start()
    threading.Thread(target=waiting.run, daemon=True).start()
    yield f"http://127.0.0.1:{port}", tags


def test_a_visit_brings_release_and_name_and_delivers_the_health(delivered: tuple[str, dict[str, str]]) -> None:
    address, tags = delivered
    health = {"picket_health": "degraded: relay", "picket_version": "0.1.0"}

    def visited() -> object:
        found = visit(Client(address, KEY), health)
        return None if found.error else found

    found = wait_for("the agent", visited)
    wait_for("the tags", lambda: tags == health)

    assert found == ("c" * 32, "Front door", health, True, "")


def test_a_wrong_key_opens_nothing(delivered: tuple[str, dict[str, str]]) -> None:
    address, _ = delivered

    def refused() -> str:
        try:
            Client(address, "another").release()
        except SupervisorError as error:
            return str(error) if "refuses" in str(error) else ""
        return ""

    assert wait_for("the agent", refused) == "refuses our key (GET /v2/state/status)"
