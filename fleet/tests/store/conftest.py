"""A database with nothing in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from picket_fleet.store import fleet
from picket_fleet.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open a fresh one."""
    database = Database(tmp_path / "fleet.sqlite", create=True)
    fleet.create(database, "f" * 32)
    yield database
    database.close()
