"""What everything that a person does works on: a fleet's folder, its database, and the time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from picket_fleet import home
from picket_fleet.home import Home
from picket_fleet.store.database import Database


@dataclass(frozen=True)
class Session:
    """One thing that is done."""

    home: Home
    database: Database
    now: float

    @staticmethod
    @contextmanager
    def open(folder: Path) -> "Iterator[Session]":
        """Open a fleet's folder; raises FleetError when there is none."""
        found = home.load(folder)
        database = found.database()
        try:
            yield Session(found, database, time.time())
        finally:
            database.close()
