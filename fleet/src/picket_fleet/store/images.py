"""The images of releases: which one a service has, and the layers that it is made of."""

import hashlib
import secrets

import msgspec

from picket_fleet.store.database import Database


class Image(msgspec.Struct, frozen=True):
    """The image of a service in a release; `image_id` is the sha256 of its config."""

    id: int
    service_id: int
    service: str
    location: str
    image_id: str


def of(database: Database, number: int) -> list[Image]:
    """Return the images of a release by the names of their services: the order of deltas."""
    rows = database.all(
        "SELECT image.id, service AS service_id, name AS service, location, image_id "
        "FROM image JOIN service ON service.id = service WHERE release = ? ORDER BY name",
        number,
    )
    return [Image(**row) for row in rows]


def service_of(database: Database, number: int) -> str | None:
    """Return which service an image (its id) is of."""
    row = database.one("SELECT name FROM image JOIN service ON service.id = service WHERE image.id = ?", number)
    return row["name"] if row else None


def has_location(database: Database, location: str) -> bool:
    """Tell whether an image of any release has this location."""
    return database.one("SELECT 1 FROM image WHERE location = ?", location) is not None


def config(database: Database, image_id: str) -> bytes | None:
    """Return the config of an image of any release that was built."""
    row = database.one("SELECT config FROM config WHERE image_id = ?", image_id)
    return row["config"] if row else None


def has_layer(database: Database, diff_id: str) -> bool:
    """Tell whether a layer is of any release that was built."""
    return database.one("SELECT 1 FROM layer WHERE diff_id = ?", diff_id) is not None


def layers(database: Database) -> set[str]:
    """Return the diff ids of all layers of all releases."""
    return {row["diff_id"] for row in database.all("SELECT DISTINCT diff_id FROM layer")}


def layers_of(database: Database, number: int) -> set[str]:
    """Return the diff ids of a release's layers."""
    rows = database.all("SELECT DISTINCT diff_id FROM layer JOIN image USING (image_id) WHERE release = ?", number)
    return {row["diff_id"] for row in rows}


def add(database: Database, number: int, service: str, config: bytes) -> None:
    """Add a service's image to a release (its id), by its config."""
    image_id = hashlib.sha256(config).hexdigest()
    diff_ids = [diff_id.removeprefix("sha256:") for diff_id in msgspec.json.decode(config)["rootfs"]["diff_ids"]]
    database.run("INSERT OR IGNORE INTO service (name) VALUES (?)", service)
    database.run("INSERT OR IGNORE INTO config VALUES (?, ?)", image_id, config)
    database.many("INSERT OR IGNORE INTO layer (image_id, diff_id) VALUES (?, ?)", [(image_id, d) for d in diff_ids])
    database.run(
        "INSERT INTO image (release, service, location, image_id) SELECT ?, id, ?, ? FROM service WHERE name = ?",
        *(number, secrets.token_hex(16), image_id, service),
    )
