"""What every command works on: a fleet's folder, its database, and the time."""

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from picket_fleet import home
from picket_fleet.home import Home
from picket_fleet.store.database import Database


class Commands(Protocol):
    """Where commands are added."""

    def add_parser(
        self,
        name: str,
        *,
        help: str,  # noqa: A002
        parents: list[argparse.ArgumentParser] = ...,
    ) -> argparse.ArgumentParser:
        """Add one."""


@dataclass(frozen=True)
class Session:
    """One command's run."""

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
