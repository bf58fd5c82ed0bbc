"""What balena's command line has a device do now, without the command line."""

from typing import Any

import pytest

from fleet.tests.server.conftest import Fleet, Joined
from picket_fleet.store import devices, images, keys

RESTART, BLINK = "/supervisor/v1/restart", "/supervisor/v1/blink"
OF_A_SERVICE = "/supervisor/v2/applications/1"


class Hall:
    """A device that is there, and a person who tells it what to do."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.device = fleet, fleet.join("hall")
        self.anna = keys.give_out(fleet.database, keys.PERSON, "anna")
        (self.image,) = images.of(fleet.database, fleet.publish().id)
        assert fleet.ask(self.device).ok

    def told(self, path: str, device: Joined | None = None, **more: Any) -> Any:
        one = device or self.device
        return self.fleet.call("POST", path, self.anna, json={"deviceId": one.id, "uuid": one.uuid, **more})

    def told_of_web(self, what: str) -> Any:
        return self.told(f"{OF_A_SERVICE}/{what}", data={"imageId": self.image.id})


@pytest.fixture
def hall(fleet: Fleet) -> Hall:
    return Hall(fleet)


def test_a_device_restarts_and_identifies_itself(hall: Hall) -> None:
    answers = [hall.told(RESTART), hall.told_of_web("restart-service"), hall.told(BLINK)]

    database, number = hall.fleet.database, hall.device.id
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert devices.restarts(database, number) == {"": 1, "web": 1}
    assert devices.identifications(database, number) == 1


def test_a_service_is_stopped_and_started(hall: Hall) -> None:
    hall.told_of_web("stop-service")
    stopped = devices.stopped(hall.fleet.database, hall.device.id)
    hall.told_of_web("start-service")

    assert stopped == {"web"}
    assert not devices.stopped(hall.fleet.database, hall.device.id)


@pytest.mark.parametrize(
    ("path", "data", "said"),
    [
        pytest.param(RESTART, {}, "attic is no online device", id="restart"),
        pytest.param(BLINK, {}, "attic is no online device", id="identify"),
        pytest.param(f"{OF_A_SERVICE}/stop-service", {"imageId": 1}, "attic is no online device", id="stop"),
        pytest.param(f"{OF_A_SERVICE}/stop-service", {"imageId": 9}, "imageId: expected the id of an image", id="what"),
    ],
)
def test_one_that_is_offline_is_told_nothing(hall: Hall, path: str, data: dict[str, int], said: str) -> None:
    attic = hall.fleet.join("attic")

    answer = hall.told(path, attic, data=data)

    assert (answer.status_code, answer.text) == (400, said)
    assert not devices.restarts(hall.fleet.database, attic.id)
    assert not devices.stopped(hall.fleet.database, attic.id)


def test_a_fleet_is_restarted_where_it_is_online(hall: Hall) -> None:
    attic = hall.fleet.join("attic")

    assert hall.told("/application/1/restart").ok

    assert devices.restarts(hall.fleet.database, hall.device.id) == {"": 1}
    assert not devices.restarts(hall.fleet.database, attic.id)


def test_what_no_agent_does_is_said(hall: Hall) -> None:
    answer = hall.told("/supervisor/v1/reboot")

    assert (answer.status_code, answer.text) == (404, "reboot: the agents of this fleet's devices don't do that")
