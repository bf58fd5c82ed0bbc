"""Who waits for something to change: woken when another process has written into the database, or this one says so."""

import asyncio
import sqlite3
from contextlib import suppress

from picket_fleet.store.database import Database

LOOK_SECONDS = 0.1


class Changes:
    """Wakes all waiters at every change."""

    def __init__(self, database: Database) -> None:
        """Watch a database; nothing is noticed before `watch` runs."""
        self._database = database
        self._next = asyncio.Event()
        self.is_over = False

    async def watch(self) -> None:
        """Look for what others have written, until cancelled."""
        seen = self._database.changes()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(
                sqlite3.OperationalError
            ):  # a disk in trouble: what matters then fails elsewhere, and says so
                now = self._database.changes()
                if now != seen:
                    seen = now
                    self.wake()

    def next(self) -> asyncio.Event:
        """Return what is set at the next change: ask for it before reading, wait for it after."""
        return self._next

    def wake(self) -> None:
        """Wake everyone who waits."""
        self._next.set()
        self._next = asyncio.Event()

    def end(self) -> None:
        """Wake everyone for the last time: the server stops."""
        self.is_over = True
        self.wake()
