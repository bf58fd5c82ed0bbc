"""A device's log, as `balena logs` asks for it: once, or as it comes."""

import json
import threading

import pytest

from fleet.tests.server.conftest import Fleet, Joined
from picket_fleet.store import keys
from picket_fleet.store.logs import Line, append
from tests.servers.waiting import wait_for


@pytest.fixture
def anna(fleet: Fleet) -> str:
    """A person's token."""
    return keys.give_out(fleet.database, keys.PERSON, "anna")


def say(fleet: Fleet, device: Joined, *messages: str, is_system: bool = False) -> None:
    append(fleet.database, device.id, [Line(1_790_000_000.5, "web", is_system, False, message) for message in messages])


def test_the_last_lines_come_once(fleet: Fleet, anna: str) -> None:
    hall = fleet.join("hall")
    fleet.publish()
    say(fleet, hall, *(f"line {number}" for number in range(5)))
    say(fleet, hall, "agent begins", is_system=True)

    lines = fleet.call("GET", f"/device/v2/{hall.uuid}/logs?count=2", anna).json()

    assert [line["message"] for line in lines] == ["line 4", "agent begins"]
    assert (lines[0]["serviceId"], lines[0]["timestamp"]) == (1, 1_790_000_000_500)
    assert "serviceId" not in lines[1]


def test_lines_come_as_they_are_said(fleet: Fleet, anna: str) -> None:
    hall = fleet.join("hall")
    say(fleet, hall, "before")
    heard: list[str] = []

    def listen() -> None:
        answer = fleet.call("GET", f"/device/v2/{hall.uuid}/logs?stream=1", anna, stream=True)
        for line in answer.iter_lines():
            heard.append(json.loads(line)["message"])
            if heard[-1] == "after":
                answer.close()
                return

    listener = threading.Thread(target=listen)
    listener.start()
    wait_for("the line from before", lambda: heard == ["before"])
    say(fleet, hall, "after")
    listener.join(20)

    assert heard == ["before", "after"]


def test_who_follows_a_quiet_log_is_noticed_to_be_gone(
    fleet: Fleet, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall = fleet.join("hall")
    for name in ("LOOK_SECONDS", "ALIVE_SECONDS"):
        monkeypatch.setattr(f"picket_fleet.cloud.logs.{name}", 0.01)

    answer = fleet.call("GET", f"/device/v2/{hall.uuid}/logs?stream=1", anna, stream=True)

    with answer:
        assert answer.raw.read(2) == b"\n\n"  # what is written to is


def test_a_device_that_is_not_there_has_no_log(fleet: Fleet, anna: str) -> None:
    answer = fleet.call("GET", "/device/v2/nowhere/logs", anna)

    assert (answer.status_code, answer.text) == (404, "Device not found")
