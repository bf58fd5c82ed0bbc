"""The releases that are being deployed: who builds them elsewhere, and what was pushed for them so far."""

import secrets

import msgspec

from picket_fleet.store.database import Database


class Deploy(msgspec.Struct, frozen=True):
    """A release (its id) to come."""

    release: int
    is_draft: bool
    person: str


class Image(msgspec.Struct, frozen=True):
    """An image that is to be pushed to `location`; `manifest` is the digest of what was."""

    id: int
    service: str
    location: str
    manifest: str


COLUMNS = ", ".join(Image.__struct_fields__)


def begin(database: Database, deploy: Deploy) -> None:
    """Note that a release is being deployed."""
    database.run("INSERT INTO deploy VALUES (?, ?, ?)", deploy.release, deploy.is_draft, deploy.person)


def get(database: Database, release: int) -> Deploy | None:
    """Return the deploy of a release, if it goes on."""
    row = database.one("SELECT * FROM deploy WHERE release = ?", release)
    return Deploy(row["release"], bool(row["is_draft"]), row["person"]) if row else None


def going_on(database: Database) -> set[int]:
    """Return the releases that are being deployed."""
    return {row["release"] for row in database.all("SELECT release FROM deploy")}


def end(database: Database, release: int) -> None:
    """Forget a deploy."""
    database.run("DELETE FROM deploy WHERE release = ?", release)
    database.run("DELETE FROM deployed_image WHERE deploy IS NULL AND NOT EXISTS (SELECT 1 FROM deploy)")


def add_image(database: Database, service: str) -> Image:
    """Begin an image of a service."""
    location = secrets.token_hex(16)
    number = database.run("INSERT INTO deployed_image (service, location) VALUES (?, ?)", service, location)
    return Image(number, service, location, "")


def join(database: Database, image: int, release: int) -> bool:
    """Make an image part of a deploy; returns False where one of them is unknown, or the image is another's."""
    joined = "UPDATE deployed_image SET deploy = ?1 WHERE id = ?2 AND ifnull(deploy, ?1) = ?1 RETURNING id"
    return get(database, release) is not None and bool(database.all(joined, release, image))


def images(database: Database, release: int) -> list[Image]:
    """Return the images of a deploy."""
    return [Image(**row) for row in database.all(f"SELECT {COLUMNS} FROM deployed_image WHERE deploy = ?", release)]


def has_image(database: Database, image: int) -> bool:
    """Tell whether an image (its id) is being deployed."""
    return database.one("SELECT 1 FROM deployed_image WHERE id = ? AND deploy IS NOT NULL", image) is not None


def at(database: Database, location: str) -> Image | None:
    """Return the image that is to be pushed there."""
    sought = f"SELECT {COLUMNS} FROM deployed_image WHERE location = ? AND deploy IS NOT NULL"
    row = database.one(sought, location)
    return Image(**row) if row else None


def pushed(database: Database, image: int, manifest: str) -> None:
    """Note the manifest (its digest) of an image: it is complete."""
    database.run("UPDATE deployed_image SET manifest = ? WHERE id = ?", manifest, image)
