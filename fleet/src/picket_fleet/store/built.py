"""What the builds have left in the engine."""

from collections.abc import Sequence

from picket_fleet.store.database import Database


def use(database: Database, images: Sequence[str]) -> None:
    """Note which images (ids, as the engine tells them) the last build has made, or used, in that order."""
    with database.transaction():
        row = database.one("SELECT 1 + ifnull(max(build), 0) AS number FROM built")
        assert row
        database.many("INSERT OR REPLACE INTO built VALUES (?, ?)", [(image, row["number"]) for image in images])


def unused(database: Database, builds: int) -> list[str]:
    """Return the images that the last so many builds did not use, each before those that it was made of."""
    rows = database.all(
        "SELECT image_id FROM built WHERE build <= (SELECT max(build) FROM built) - ? ORDER BY build, rowid DESC",
        builds,
    )
    return [row["image_id"] for row in rows]


def forget(database: Database, image: str) -> None:
    """Forget an image."""
    database.run("DELETE FROM built WHERE image_id = ?", image)
