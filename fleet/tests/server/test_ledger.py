"""Who comes and goes, by the clock that is passed in; and that nothing is written twice."""

import sqlite3
from pathlib import Path

import pytest

from picket_fleet.server.ledger import Ledger
from picket_fleet.store import devices, logs
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.logs import Line


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """Make a database."""
    return Database(tmp_path / "fleet.sqlite", create=True)


def device(database: Database) -> Device:
    return devices.register(database, uuid="a" * 32, name="shed", device_type="x", key="k", now=0.0)


def test_a_device_comes_and_goes_once_in_the_log(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    shed, ledger = device(database), Ledger(database)

    for now in (100.0, 110.0, 120.0):
        ledger.heard(shed, now, 30.0)
        ledger.write(now)
    for now in (149.9, 150.0, 151.0):
        ledger.write(now)
    ledger.heard(shed, 200.0, 30.0)

    assert [record.getMessage() for record in caplog.records] == ["shed is online", "shed is offline", "shed is online"]
    kept = devices.get(database, shed.id)
    assert (kept.seen_at, kept.expected_at) == (120.0, 150.0)


def test_a_short_call_does_not_make_a_long_promise_shorter(database: Database) -> None:
    shed, ledger = device(database), Ledger(database)

    ledger.heard(shed, 100.0, 900.0)
    ledger.heard(shed, 110.0, 60.0)

    assert ledger.is_online(shed.id, 999.0)
    assert not ledger.is_online(shed.id, 1000.0)


def test_a_server_that_starts_anew_knows_who_was_here(database: Database) -> None:
    shed, before = device(database), Ledger(database)
    before.heard(shed, 100.0, 60.0)
    before.write(100.0)

    assert Ledger(database).is_online(shed.id, 159.0)


def test_lines_are_written_once_and_those_of_a_removed_device_not_at_all(database: Database) -> None:
    shed, ledger = device(database), Ledger(database)
    ledger.said(shed, [Line(1.0, "web", False, False, "one")])
    ledger.write(1.0)
    ledger.write(2.0)
    assert [line.message for line in logs.tail(database, shed.id)] == ["one"]

    ledger.said(shed, [Line(1.0, "web", False, False, "two")])
    ledger.heard(shed, 3.0, 60.0)
    devices.remove(database, shed.id)
    ledger.write(3.0)

    assert database.all("SELECT * FROM log") == []


def test_what_can_not_be_written_now_is_written_later(database: Database) -> None:
    shed, ledger = device(database), Ledger(database)
    ledger.said(shed, [Line(1.0, "web", False, False, "one")])
    database.run("PRAGMA query_only = TRUE")
    with pytest.raises(sqlite3.OperationalError):
        ledger.write(1.0)

    database.run("PRAGMA query_only = FALSE")
    ledger.write(2.0)

    assert [line.message for line in logs.tail(database, shed.id)] == ["one"]
