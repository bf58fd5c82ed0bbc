"""The fleet itself: one row. To balena it is the application with the id APP_ID."""

import re

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.store.database import Database

APP_ID = 1


class Fleet(msgspec.Struct, frozen=True):
    """What the database knows of the fleet; its name and address are in picket_fleet.home.Configuration."""

    uuid: str
    pinned_release: int | None


def create(database: Database, uuid: str) -> None:
    """Write the fleet's row."""
    database.run("INSERT INTO fleet (id, uuid) VALUES (?, ?)", APP_ID, uuid)


def get(database: Database) -> Fleet:
    """Return the fleet."""
    row = database.one("SELECT uuid, pinned_release FROM fleet")
    if row is None:
        raise FleetError("the fleet's database is empty")
    return Fleet(**row)


def pin(database: Database, release: int | None) -> None:
    """Have all devices without a pin of their own run a release (its id), or follow the latest again (None)."""
    with database.transaction():  # its images must not go just then
        check_pin(database, release)
        database.run("UPDATE fleet SET pinned_release = ?", release)


def check_tag(name: str) -> None:
    """Raise FleetError for a tag's name that balena refuses."""
    if not name or re.search(r"\s", name) or name.startswith(("io.balena", "io.resin")):
        raise FleetError(f"{name!r}: a tag has no spaces, and does not begin with io.balena")


def check_pin(database: Database, release: int | None) -> None:
    """Raise FleetError for a release that can't run anywhere."""
    row = database.one("SELECT status FROM release WHERE id = ?", release) if release is not None else None
    if release is not None and (row is None or row["status"] != "success"):
        raise FleetError("only a release that was built can be pinned")
    if release is not None and database.one("SELECT 1 FROM image WHERE release = ?", release) is None:
        raise FleetError("this release is too old: its images are gone")
