"""The devices: who they are, when they were last heard, and what they say of themselves."""

import hmac
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.store import fleet
from picket_fleet.store.database import Database
from picket_fleet.store.keys import digest_of


class TakenError(FleetError):
    """A device of that uuid, name or key is there already."""


class Device(msgspec.Struct, frozen=True):
    """A device; `running` is the commit id of the release it runs ("": it has not said), `report` what it last said."""

    id: int
    uuid: str
    name: str
    device_type: str
    pinned_release: int | None
    registered_at: float
    seen_at: float | None
    expected_at: float | None
    running: str
    report: dict[str, Any]

    def is_online(self, now: float) -> bool:
        """Tell whether its next contact is not overdue."""
        return self.expected_at is not None and now < self.expected_at


class Contact(msgspec.Struct, frozen=True):
    """When a device (its id) was heard, and by when it is expected again."""

    device: int
    seen_at: float
    expected_at: float


COLUMNS = ", ".join(Device.__struct_fields__)


def register(database: Database, *, uuid: str, name: str, device_type: str, key: str, now: float) -> Device:
    """Add a device; raises TakenError."""
    with database.transaction():
        for column, value in (("uuid", uuid), ("name", name), ("key_digest", digest_of(key))):
            if database.one(f"SELECT 1 FROM device WHERE {column} = ?", value):
                raise TakenError(f'"{column.removesuffix("_digest")}" must be unique.')  # balena's words
        number = database.run(
            "INSERT INTO device (uuid, name, device_type, key_digest, registered_at) VALUES (?, ?, ?, ?, ?)",
            *(uuid, name, device_type, digest_of(key), now),
        )
        return get(database, number)


def get(database: Database, number: int) -> Device:
    """Return a device by its id; raises FleetError."""
    return _the_one(database, "id = ?", number)


def find(database: Database, text: str) -> Device:
    """Return the device of that name or uuid, or whose uuid alone begins so; raises FleetError."""
    exact = database.one(f"SELECT {COLUMNS} FROM device WHERE name = ?1 OR uuid = ?1", text)
    return _read(exact) if exact else _the_one(database, "substr(uuid, 1, length(?1)) = ?1 AND ?1 <> ''", text)


def everyone(database: Database) -> list[Device]:
    """Return all devices by name."""
    return [_read(row) for row in database.all(f"SELECT {COLUMNS} FROM device ORDER BY name")]


def of_key(database: Database, key: str) -> Device | None:
    """Return the device whose key this is, if it is anyone's."""
    digest = digest_of(key)
    row = database.one(f"SELECT {COLUMNS}, key_digest FROM device WHERE key_digest = ?", digest)
    return _read(row) if row and hmac.compare_digest(row["key_digest"], digest) else None


def set_key(database: Database, device: int, key: str) -> None:
    """Give a device another key; the old one opens nothing any more. Raises TakenError."""
    try:
        database.run("UPDATE device SET key_digest = ? WHERE id = ?", digest_of(key), device)
    except sqlite3.IntegrityError:
        raise TakenError('"key" must be unique.') from None


def rename(database: Database, device: int, name: str) -> None:
    """Give a device another name; raises TakenError."""
    check_name(name)
    try:
        database.run("UPDATE device SET name = ? WHERE id = ?", name, device)
    except sqlite3.IntegrityError:
        raise TakenError(f"there is a device named {name!r} already") from None


def check_name(name: str) -> None:
    """Raise FleetError for a name that a table, a file or a terminal could not take."""
    if not name.isprintable() or not 0 < len(name) <= 60 or name != name.strip() or "/" in name:
        raise FleetError(f"{name[:80]!r}: expected a name of 1 to 60 printable characters, without '/'")


def pin(database: Database, device: int, release: int | None) -> None:
    """Have a device run a release (its id), or what its fleet runs (None); raises FleetError for one not built."""
    with database.transaction():  # its images must not go just then
        fleet.check_pin(database, release)
        database.run("UPDATE device SET pinned_release = ? WHERE id = ?", release, device)


def remove(database: Database, device: int) -> None:
    """Forget a device, with its key, variables, tags and log."""
    database.run("DELETE FROM device WHERE id = ?", device)


def take_over(database: Database, old: int, new: int) -> None:
    """Give one device's name, pin, variables, tags and stopped services to another, and forget the first."""
    with database.transaction():
        was = get(database, old)
        for table in ("variable", "device_tag", "stopped"):
            database.run(f"DELETE FROM {table} WHERE device = ?", new)
            database.run(f"UPDATE {table} SET device = ? WHERE device = ?", new, old)
        remove(database, old)
        database.run("UPDATE device SET name = ?, pinned_release = ? WHERE id = ?", was.name, was.pinned_release, new)


def heard(database: Database, contacts: Iterable[Contact]) -> None:
    """Note when devices were heard."""
    with database.transaction():
        database.many(
            "UPDATE device SET seen_at = ?, expected_at = ? WHERE id = ?",
            [(contact.seen_at, contact.expected_at, contact.device) for contact in contacts],
        )


def expect_nobody_of_later(database: Database, now: float) -> None:
    """Expect nobody any more who was heard later than it is: the clock was set back since."""
    database.run("UPDATE device SET expected_at = NULL WHERE seen_at > ? AND expected_at IS NOT NULL", now)


def save_report(database: Database, device: int, report: Mapping[str, Any]) -> None:
    """Keep what a device now says of itself."""
    database.run("UPDATE device SET report = ? WHERE id = ?", msgspec.json.encode(report).decode(), device)


def save_running(database: Database, device: int, commit_id: str) -> None:
    """Keep which release a device runs."""
    database.run("UPDATE device SET running = ? WHERE id = ?", commit_id, device)


def tags(database: Database, device: int) -> dict[str, str]:
    """Return a device's tags."""
    return dict(tuple(row) for row in database.all("SELECT name, value FROM device_tag WHERE device = ?", device))


def tag(database: Database, device: int, name: str, value: str | None) -> None:
    """Set a tag of a device, or remove it (None); raises FleetError."""
    fleet.check_tag(name)
    if value is None:
        database.run("DELETE FROM device_tag WHERE device = ? AND name = ?", device, name)
    else:
        database.run("INSERT OR REPLACE INTO device_tag VALUES (?, ?, ?)", device, name, value)


def restart(database: Database, device: int, service: str = "") -> None:
    """Have a service of a device restarted, or ("") all of them."""
    database.run("INSERT INTO restart VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET serial = serial + 1", device, service)


def restarts(database: Database, device: int) -> dict[str, int]:
    """Return how often each service ("": all) was to be restarted: a device restarts one whose number has grown."""
    rows = database.all("SELECT service, serial FROM restart WHERE device = ? ORDER BY service", device)
    return dict(tuple(row) for row in rows)


def stop(database: Database, device: int, service: str) -> None:
    """Have a service of a device stop, and stay so with every release until `start`."""
    database.run("INSERT OR IGNORE INTO stopped VALUES (?, ?)", device, service)


def start(database: Database, device: int, service: str) -> None:
    """Let a service of a device run again."""
    database.run("DELETE FROM stopped WHERE device = ? AND service = ?", device, service)


def stopped(database: Database, device: int) -> set[str]:
    """Return the services of a device that are to stay stopped."""
    return {row["service"] for row in database.all("SELECT service FROM stopped WHERE device = ?", device)}


def identify(database: Database, device: int) -> None:
    """Have a device show which one it is."""
    database.run("INSERT INTO identify VALUES (?, 1) ON CONFLICT DO UPDATE SET serial = serial + 1", device)


def identifications(database: Database, device: int) -> int:
    """Return how often a device was to show which one it is: it does when the number has grown."""
    row = database.one("SELECT serial FROM identify WHERE device = ?", device)
    return row["serial"] if row else 0


def _the_one(database: Database, condition: str, value: Any) -> Device:
    rows = database.all(f"SELECT {COLUMNS} FROM device WHERE {condition} LIMIT 2", value)
    if len(rows) != 1:
        raise FleetError(f"{value}: {'more than one device' if rows else 'no such device'}")
    return _read(rows[0])


def _read(row: sqlite3.Row) -> Device:
    values = {name: row[name] for name in Device.__struct_fields__}
    return Device(**{**values, "report": msgspec.json.decode(row["report"])})
