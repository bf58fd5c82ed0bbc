"""Transactions: all or nothing, one within another, and what a full disk leaves."""

import sqlite3
from pathlib import Path

import pytest

from picket_fleet.errors import FleetError
from picket_fleet.store.database import SCHEMA, VERSION, Database

ADD = "INSERT INTO service (name) VALUES (?)"


def names(database: Database) -> list[str]:
    return [row["name"] for row in database.all("SELECT name FROM service ORDER BY name")]


def test_what_fails_within_takes_back_what_is_around_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction():
        database.run(ADD, "a")
        with database.transaction():
            database.run(ADD, "b")
        raise ZeroDivisionError

    assert names(database) == []


def test_a_full_disk_leaves_no_transaction_open(database: Database) -> None:
    database.run("PRAGMA max_page_count = 40")  # as good as full
    with pytest.raises(sqlite3.OperationalError, match="full"), database.transaction():
        database.run(ADD, "x" * 1_000_000)

    with database.transaction():
        database.run(ADD, "small")

    assert names(database) == ["small"]


def test_another_ones_writing_is_noticed_and_the_own_is_not(database: Database, tmp_path: Path) -> None:
    other = Database(tmp_path / "fleet.sqlite")
    before = database.changes()
    database.run(ADD, "own")
    assert database.changes() == before

    other.run(ADD, "others")
    other.close()

    assert database.changes() != before


def test_a_file_of_another_version_is_left_alone(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "fleet.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()

    with pytest.raises(FleetError, match="version 99"):
        Database(tmp_path / "fleet.sqlite")
    with pytest.raises(FleetError, match="no fleet lives here"):
        Database(tmp_path / "nowhere.sqlite")


def test_a_file_of_an_earlier_version_is_brought_up_to_date_and_keeps_what_it_had(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "fleet.sqlite")
    connection.executescript(f"{SCHEMA} PRAGMA user_version = 1; INSERT INTO service (name) VALUES ('hub');")
    connection.close()

    for _ in range(2):
        opened = Database(tmp_path / "fleet.sqlite")
        assert names(opened) == ["hub"]
        assert [row[0] for row in opened.all("PRAGMA user_version")] == [VERSION]
        opened.close()
