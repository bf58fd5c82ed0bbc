"""Who comes and goes, by the times that are passed in; and that nothing is written twice."""

import sqlite3
from pathlib import Path

import pytest

from picket_fleet.server.ledger import Ledger
from picket_fleet.store import devices, logs
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.logs import Line

CLOCK = 1_790_000_000.0  # when the times here begin
HOUR = 3600.0


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Make a database."""
    return Database(tmp_path / "fleet.sqlite", create=True)


def device(database: Database, name: str = "shed") -> Device:
    return devices.register(database, uuid=name * 8, name=name, device_type="x", key=name, now=0.0)


def online(database: Database, one: Device, clock: float) -> bool:
    """Tell whether a device is online for who only has the database and the clock."""
    return devices.get(database, one.id).is_online(clock)


def test_a_device_comes_and_goes_once_in_the_log(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    shed, ledger = device(database), Ledger(database, 0.0, CLOCK)

    for now in (100.0, 110.0, 120.0):
        ledger.heard(shed, now, 30.0)
        ledger.write(now, CLOCK + now)
    for now in (149.9, 150.0, 151.0):
        ledger.write(now, CLOCK + now)
    ledger.heard(shed, 200.0, 30.0)

    assert [record.getMessage() for record in caplog.records] == ["shed is online", "shed is offline", "shed is online"]
    kept = devices.get(database, shed.id)
    assert (kept.seen_at, kept.expected_at) == (CLOCK + 120.0, CLOCK + 150.0)


def test_a_short_call_does_not_make_a_long_promise_shorter(database: Database) -> None:
    shed, ledger = device(database), Ledger(database, 0.0, CLOCK)

    ledger.heard(shed, 100.0, 900.0)
    ledger.heard(shed, 110.0, 60.0)

    assert ledger.is_online(shed.id, 999.0)
    assert not ledger.is_online(shed.id, 1000.0)


def test_a_server_that_starts_anew_knows_who_was_here(database: Database) -> None:
    shed, before = device(database), Ledger(database, 0.0, CLOCK)
    before.heard(shed, 100.0, 60.0)
    before.write(100.0, CLOCK + 100.0)

    anew = Ledger(database, 7.0, CLOCK + 110.0)

    assert anew.is_online(shed.id, 56.9)
    assert not anew.is_online(shed.id, 57.1)


@pytest.mark.parametrize("jump", [-HOUR, HOUR], ids=["back", "forward"])
def test_nobody_comes_or_goes_because_the_clock_was_set(
    database: Database, caplog: pytest.LogCaptureFixture, jump: float
) -> None:
    shed, dead = device(database), device(database, "dead")
    ledger = Ledger(database, 0.0, CLOCK)
    ledger.heard(dead, 10.0, 30.0)
    ledger.heard(shed, 95.0, 30.0)
    ledger.write(100.0, CLOCK + 100.0)
    caplog.set_level("INFO")
    caplog.clear()

    ledger.write(101.0, CLOCK + 101.0 + jump)

    for now, is_online in ((101.0, True), (124.9, True), (125.1, False), (125.0 + HOUR, False)):
        clock = CLOCK + now + jump
        assert (ledger.is_online(shed.id, now), online(database, shed, clock)) == (is_online, is_online)
        assert (ledger.is_online(dead.id, now), online(database, dead, clock)) == (False, False)
        ledger.write(now, clock)
    assert [record.getMessage() for record in caplog.records] == ["shed is offline"]
    assert devices.get(database, shed.id).seen_at == CLOCK + 95.0 + jump


def test_who_is_heard_before_the_new_time_is_known_of_is_here_no_longer_for_it(database: Database) -> None:
    shed, ledger = device(database), Ledger(database, 0.0, CLOCK)
    ledger.heard(shed, 99.0, 30.0)
    ledger.write(100.0, CLOCK + 100.0)

    ledger.heard(shed, 100.2, 30.0)
    ledger.write(100.5, CLOCK + 100.5 - HOUR)

    assert devices.get(database, shed.id).expected_at == pytest.approx(CLOCK + 130.2 - HOUR)


def test_a_server_that_starts_before_its_devices_were_heard_expects_none_of_them(database: Database) -> None:
    shed, before = device(database), Ledger(database, 0.0, CLOCK)
    before.heard(shed, 0.0, 60.0)
    before.write(0.0, CLOCK)

    anew = Ledger(database, 0.0, CLOCK - HOUR)
    anew.write(0.5, CLOCK - HOUR + 0.5)

    assert not anew.is_online(shed.id, 0.0)
    assert not online(database, shed, CLOCK - HOUR + 1.0)
    assert not online(database, shed, CLOCK + 1.0)
    anew.heard(shed, 2.0, 60.0)
    anew.write(2.5, CLOCK - HOUR + 2.5)
    assert online(database, shed, CLOCK - HOUR + 3.0)


def test_lines_are_written_once_and_those_of_a_removed_device_not_at_all(database: Database) -> None:
    shed, ledger = device(database), Ledger(database, 0.0, CLOCK)
    ledger.said(shed, [Line(1.0, "web", False, False, "one")])
    ledger.write(1.0, CLOCK + 1.0)
    ledger.write(2.0, CLOCK + 2.0)
    assert [line.message for line in logs.tail(database, shed.id)] == ["one"]

    ledger.said(shed, [Line(1.0, "web", False, False, "two")])
    ledger.heard(shed, 3.0, 60.0)
    devices.remove(database, shed.id)
    ledger.write(3.0, CLOCK + 3.0)

    assert database.all("SELECT * FROM log") == []


def test_what_can_not_be_written_now_is_written_later(database: Database) -> None:
    shed, ledger = device(database), Ledger(database, 0.0, CLOCK)
    ledger.said(shed, [Line(1.0, "web", False, False, "one")])
    database.run("PRAGMA query_only = TRUE")
    with pytest.raises(sqlite3.OperationalError):
        ledger.write(1.0, CLOCK + 1.0)

    database.run("PRAGMA query_only = FALSE")
    ledger.write(2.0, CLOCK + 2.0)

    assert [line.message for line in logs.tail(database, shed.id)] == ["one"]
