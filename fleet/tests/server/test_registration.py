"""A machine joins: under its own name, under the one its key has, or in the place of a dead device."""

import base64
from typing import Any

from picket_fleet.store import devices, variables
from picket_fleet.store.variables import Variable

MACHINE = {"uuid": "b" * 32, "device_type": "raspberrypi4-64", "api_key": "k" * 32}


def test_a_machine_learns_its_name_and_what_to_trust(fleet: Any) -> None:
    joined = fleet.call("POST", "/device/register", fleet.provisioning_key(), json=MACHINE)

    assert joined.status_code == 201
    assert joined.json() == {
        "id": 1,
        "uuid": "b" * 32,
        "api_key": "k" * 32,
        "name": "bbbbbbb",
        "fleet": {
            "uuid": fleet.database.one("SELECT uuid FROM fleet")["uuid"],
            "name": "house",
            "public_key": base64.b64encode(fleet.home.public_key()).decode(),
        },
    }
    assert fleet.call("GET", f"/device/v3/{'b' * 32}/state", "k" * 32).status_code == 200


def test_who_has_no_key_is_given_one(fleet: Any) -> None:
    machine = {"uuid": "b" * 62, "device_type": "x", "device_name": "shed", "application": "1"}

    joined = fleet.call("POST", "/device/register", fleet.provisioning_key(), json=machine).json()

    assert joined["name"] == "shed"
    assert fleet.call("GET", f"/device/v3/{'b' * 62}/state", joined["api_key"]).status_code == 200


def test_a_name_that_is_taken_is_said_so(fleet: Any) -> None:
    fleet.join("shed")

    answer = fleet.call("POST", "/device/register", fleet.provisioning_key(), json=MACHINE | {"device_name": "shed"})

    assert (answer.status_code, answer.text) == (409, '"name" must be unique.')


def test_a_key_names_the_device_that_joins_with_it(fleet: Any) -> None:
    key = fleet.provisioning_key(device_name="gate")

    assert fleet.call("POST", "/device/register", key, json=MACHINE).json()["name"] == "gate"


def test_a_new_card_takes_the_place_of_a_dead_device_once(fleet: Any) -> None:
    dead = fleet.join("shed")
    variables.put(fleet.database, Variable(dead.id, "", "ZONE", "north"))
    key = fleet.provisioning_key(replaces=dead.id)

    joined = fleet.call("POST", "/device/register", key, json=MACHINE)
    again = fleet.call("POST", "/device/register", key, json=MACHINE | {"uuid": "c" * 32, "api_key": "x" * 32})

    assert joined.json()["name"] == "shed"
    assert again.status_code == 401
    assert [device.uuid for device in devices.everyone(fleet.database)] == ["b" * 32]
    assert [variable.value for variable in variables.concerning(fleet.database, joined.json()["id"])] == ["north"]
    assert fleet.call("GET", f"/device/v3/{dead.uuid}/state", dead.key).status_code == 401


def test_a_card_that_can_not_join_leaves_the_old_device_in_its_place(fleet: Any) -> None:
    dead = fleet.join("shed")
    other = fleet.join("gate")
    key = fleet.provisioning_key(replaces=dead.id)

    refused = fleet.call("POST", "/device/register", key, json=MACHINE | {"uuid": other.uuid})

    assert refused.status_code == 409
    assert [device.name for device in devices.everyone(fleet.database)] == ["gate", "shed"]


def test_a_machine_that_asks_again_is_told_again_and_nobody_else_with_its_name(fleet: Any) -> None:
    dead = fleet.join("shed")
    key = fleet.provisioning_key(replaces=dead.id)
    first = fleet.call("POST", "/device/register", key, json=MACHINE)

    again = fleet.call("POST", "/device/register", key, json=MACHINE)
    other = fleet.call("POST", "/device/register", key, json=MACHINE | {"api_key": "x" * 32})

    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.text) == (401, "401: Unauthorized")
    assert len(devices.everyone(fleet.database)) == 1
