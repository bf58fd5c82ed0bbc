"""Variables: of the fleet, of one of its services, of a device, of a service on a device; later ones win.

Those named BALENA_HOST_..., BALENA_SUPERVISOR_... (or RESIN_...) configure the device itself; services don't see them.
"""

import re
import sqlite3

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.store.database import Database

CONFIGURATION = re.compile(r"(BALENA|RESIN)_(HOST|SUPERVISOR)_\w+", re.ASCII)
VALUE_BYTES = 100_000  # Linux starts no program with a longer variable than 128 KiB


class Variable(msgspec.Struct, frozen=True):
    """A variable of the fleet (`device` None) or a device, of one service or ("") of all."""

    device: int | None
    service: str
    name: str
    value: str


def is_configuration(name: str) -> bool:
    """Tell whether a variable is for the device itself and not for its services."""
    return CONFIGURATION.fullmatch(name) is not None


def check(variable: Variable) -> None:
    """Raise FleetError for a variable that balena would refuse, or that no program could be given."""
    name = variable.name
    if is_configuration(name):
        if variable.service:
            raise FleetError(f"{name}: configures the device, not a service of it")
    elif name.startswith(("BALENA_", "RESIN_")) or name in ("BALENA", "RESIN", "USER"):
        raise FleetError(f"{name}: this name is reserved")
    elif not name or re.search(r"^\d|\W", name, re.ASCII):
        raise FleetError(f"{name!r}: expected letters, digits and '_', and no digit first")
    if "\0" in variable.value or len(variable.value.encode()) > VALUE_BYTES:
        raise FleetError(f"{name}: a value has no zero bytes, and at most {VALUE_BYTES} bytes")


def put(database: Database, variable: Variable) -> None:
    """Set a variable; raises FleetError for one that can't be."""
    check(variable)
    database.run(
        "INSERT INTO variable VALUES (?, ?, ?, ?) "
        "ON CONFLICT (ifnull(device, 0), service, name) DO UPDATE SET value = excluded.value",
        *(variable.device, variable.service, variable.name, variable.value),
    )


def remove(database: Database, device: int | None, service: str, name: str) -> None:
    """Remove a variable; raises FleetError when there is none."""
    found = database.all(
        "DELETE FROM variable WHERE device IS ? AND service = ? AND name = ? RETURNING name", device, service, name
    )
    if not found:
        raise FleetError(f"{name}: no such variable")


def everywhere(database: Database) -> list[Variable]:
    """Return all variables of the fleet, its services and its devices."""
    return _read(database.all("SELECT * FROM variable ORDER BY ifnull(device, 0), service, name"))


def numbered(database: Database) -> dict[int, Variable]:
    """Return all variables by numbers, which each keeps whatever becomes of the others."""
    rows = database.all("SELECT rowid, device, service, name, value FROM variable ORDER BY rowid")
    return {number: Variable(*fields) for number, *fields in rows}


def concerning(database: Database, device: int) -> list[Variable]:
    """Return the variables that reach a device: the fleet's and its own."""
    return _read(database.all("SELECT * FROM variable WHERE device IS NULL OR device = ?", device))


def _read(rows: list[sqlite3.Row]) -> list[Variable]:
    return [Variable(**row) for row in rows]
