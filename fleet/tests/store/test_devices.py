"""Devices: found by what people type, heard or overdue, and replaced."""

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.store import devices, variables
from picket_fleet.store.database import Database
from picket_fleet.store.variables import Variable


def join(database: Database, name: str, uuid: str, key: str = "") -> devices.Device:
    return devices.register(database, uuid=uuid, name=name, device_type="raspberrypi4-64", key=key or name, now=1.0)


def test_a_device_is_found_by_name_uuid_and_the_beginning_of_its_uuid(database: Database) -> None:
    shed, gate = join(database, "shed", "ab1" + "0" * 29), join(database, "gate", "ab2" + "0" * 29)

    assert devices.find(database, "shed") == shed
    assert devices.find(database, gate.uuid) == gate
    assert devices.find(database, "ab2") == gate
    with pytest.raises(FleetError, match="more than one"):
        devices.find(database, "ab")
    for text in ("", "%", "nobody"):
        with pytest.raises(FleetError, match="no such device"):
            devices.find(database, text)


@pytest.mark.parametrize(
    ("name", "uuid", "key", "column"),
    [("gate", "a" * 32, "k2", "uuid"), ("shed", "b" * 32, "k2", "name"), ("gate", "b" * 32, "k1", "key")],
    ids=["uuid", "name", "key"],
)
def test_what_another_device_has_is_taken(database: Database, name: str, uuid: str, key: str, column: str) -> None:
    join(database, "shed", "a" * 32, "k1")

    with pytest.raises(devices.TakenError, match=f'"{column}" must be unique'):
        join(database, name, uuid, key)


def test_a_device_is_online_until_it_is_overdue(database: Database) -> None:
    shed = join(database, "shed", "a" * 32)
    devices.heard(database, [devices.Contact(shed.id, 100.0, 190.0)])

    heard = devices.get(database, shed.id)

    assert not shed.is_online(100.0)
    assert heard.is_online(189.9)
    assert not heard.is_online(190.0)


def test_a_key_opens_its_device_and_is_not_kept(database: Database) -> None:
    shed = join(database, "shed", "a" * 32, "secret-of-shed")

    assert devices.of_key(database, "secret-of-shed") == shed
    assert devices.of_key(database, "other") is None
    assert not any("secret-of-shed" in str(value) for row in database.all("SELECT * FROM device") for value in row)


def test_a_new_card_takes_over_the_role_of_a_dead_device(database: Database) -> None:
    dead, new = join(database, "shed", "a" * 32), join(database, "bbbbbbb", "b" * 32)
    variables.put(database, Variable(dead.id, "", "ZONE", "north"))
    devices.tag(database, dead.id, "place", "garden")

    devices.take_over(database, dead.id, new.id)

    assert [(device.name, device.uuid) for device in devices.everyone(database)] == [("shed", "b" * 32)]
    assert variables.concerning(database, new.id) == [Variable(new.id, "", "ZONE", "north")]
    assert devices.tags(database, new.id) == {"place": "garden"}


def test_a_forgotten_device_leaves_nothing(database: Database) -> None:
    shed = join(database, "shed", "a" * 32)
    variables.put(database, Variable(shed.id, "", "ZONE", "north"))
    devices.restart(database, shed.id)

    devices.remove(database, shed.id)

    assert database.all("SELECT * FROM variable") == database.all("SELECT * FROM restart") == []


def test_a_restart_asked_for_twice_is_two(database: Database) -> None:
    shed = join(database, "shed", "a" * 32)

    for service in ("", "web", "web"):
        devices.restart(database, shed.id, service)

    assert devices.restarts(database, shed.id) == {"": 1, "web": 2}


@pytest.mark.parametrize("name", ["", " x", "a/b", "a\nb", "\x1b[2J", "x" * 61])
def test_a_name_that_would_spoil_a_table_is_refused(database: Database, name: str) -> None:
    shed = join(database, "shed", "a" * 32)

    with pytest.raises(FleetError, match="expected a name"):
        devices.rename(database, shed.id, name)
