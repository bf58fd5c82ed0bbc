"""The last lines that each device said: a ring of LINES, each cut at LINE_CHARACTERS, as balena keeps them."""

from collections.abc import Sequence

import msgspec

from picket_fleet.store.database import Database

LINES = 1000
LINE_CHARACTERS = 10_000


class Line(msgspec.Struct, frozen=True):
    """A line of a service, or (`is_system`) of the device itself; `id` grows, and is 0 before it is kept."""

    time: float
    service: str
    is_system: bool
    is_error: bool
    message: str
    id: int = 0


def append(database: Database, device: int, lines: Sequence[Line]) -> None:
    """Keep lines of a device; what is beyond its ring goes, and all of one that is not there any more."""
    kept = lines[-LINES:]
    with database.transaction():
        if database.one("SELECT 1 FROM device WHERE id = ?", device) is None:
            return
        database.many(
            "INSERT INTO log (device, time, service, is_system, is_error, message) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (device, line.time, line.service, line.is_system, line.is_error, line.message[:LINE_CHARACTERS])
                for line in kept
            ],
        )
        database.run(
            "DELETE FROM log WHERE device = ?1 AND id <= "
            "(SELECT id FROM log WHERE device = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            *(device, LINES),
        )


def tail(
    database: Database, device: int, *, count: int = 100, service: str | None = None, after: int = 0
) -> list[Line]:
    """Return the last lines of a device in order, all or one service's; those `after` an id, to follow."""
    rows = database.all(
        "SELECT id, time, service, is_system, is_error, message FROM log "
        "WHERE device = ? AND id > ? AND ifnull(service = ?, TRUE) ORDER BY id DESC LIMIT ?",
        *(device, after, service, count),
    )
    return [msgspec.convert(dict(row), Line, strict=False) for row in reversed(rows)]
