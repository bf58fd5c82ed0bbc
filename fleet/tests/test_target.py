"""What a device is to run: balena's order of variables, and what is left out."""

from typing import Any

import pytest

from picket_fleet.releases.target import Application, Target, configuration, document, environment
from picket_fleet.store.devices import Device
from picket_fleet.store.images import Image
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable

FLEET, DEVICE = None, 7
IN_ORDER = [
    Variable(FLEET, "", "A", "fleet"),
    Variable(FLEET, "web", "A", "fleet service"),
    Variable(DEVICE, "", "A", "device"),
    Variable(DEVICE, "web", "A", "device service"),
]


@pytest.mark.parametrize("count", range(5))
def test_the_more_special_variable_wins_however_they_come(count: int) -> None:
    expected = ["compose", "fleet", "fleet service", "device", "device service"][count]

    assert environment("web", {"A": "compose"}, IN_ORDER[:count])["A"] == expected
    assert environment("web", {"A": "compose"}, IN_ORDER[:count][::-1])["A"] == expected


def test_a_services_variables_are_its_own() -> None:
    assert environment("sensor", {}, IN_ORDER) == {"A": "device"}


def test_a_number_is_written_and_nothing_is_left_out() -> None:
    assert environment("web", {"PORT": 80, "FROM_HOST": None}, []) == {"PORT": "80"}


def test_what_configures_the_device_is_no_services_business() -> None:
    lock = Variable(FLEET, "", "BALENA_SUPERVISOR_OVERRIDE_LOCK", "1")

    assert environment("web", {}, [lock]) == {}
    assert configuration([lock]) == {
        "RESIN_SUPERVISOR_POLL_INTERVAL": "600000",
        "BALENA_SUPERVISOR_OVERRIDE_LOCK": "1",
    }


def test_the_old_and_the_new_name_of_a_setting_are_one() -> None:
    old = Variable(FLEET, "", "RESIN_HOST_CONFIG_gpu_mem", "16")
    new = Variable(DEVICE, "", "BALENA_HOST_CONFIG_gpu_mem", "32")

    assert configuration([new, old]) == {
        "RESIN_SUPERVISOR_POLL_INTERVAL": "600000",
        "BALENA_HOST_CONFIG_gpu_mem": "32",
    }


def state(composition: dict[str, Any] | None, *stopped: str) -> Any:
    device = Device(DEVICE, "a" * 32, "shed", "raspberrypi4-64", None, 0.0, None, None, "", {})
    target = None
    if composition is not None:
        release = Release(3, "c" * 32, "1.0.0", 0, "success", False, 1.0, 2.0, "")
        target = Target(release, [Image(5, 2, "web", "e" * 32, "f" * 64)], composition)
    application = Application("d" * 32, "house", "fleet:1")
    [app] = document(application, device, target, [], stopped)["a" * 32]["apps"].values()
    return app


def test_without_a_release_the_application_has_none() -> None:
    assert state(None) == {"id": 1, "name": "house", "is_host": False, "class": "fleet", "releases": {}}


def test_how_an_image_was_built_is_not_the_devices_business() -> None:
    app = state({"services": {"web": {"build": {"context": "."}, "image": "x", "restart": "always"}}})

    assert app["releases"]["c" * 32] == {
        "id": 3,
        "services": {
            "web": {
                "id": 2,
                "image_id": 5,
                "image": f"fleet:1/v2/{'e' * 32}@sha256:{'f' * 64}",
                "environment": {},
                "labels": {},
                "composition": {"restart": "always"},
            }
        },
    }


def test_a_service_that_was_stopped_is_there_and_does_not_run() -> None:
    services = {"web": {}, "gone": {}}

    release = state({"services": services}, "web", "unknown")["releases"]["c" * 32]

    assert {name: service["running"] for name, service in release["services"].items()} == {"web": False}


def test_volumes_and_networks_are_there_where_the_compose_file_has_them() -> None:
    release = state({"services": {}, "volumes": {"state": {}}, "networks": {}})["releases"]["c" * 32]

    assert (release["volumes"], release["networks"]) == ({"state": {}}, {})
