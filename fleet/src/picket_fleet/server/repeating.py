"""What the server does over and over beside answering: one time that fails is no end of it."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable

from picket_fleet.errors import FleetError

log = logging.getLogger(__name__)


async def repeat(what: str, seconds: float, work: Callable[[], None]) -> None:
    """Work every so many seconds until cancelled; says in the log once when that fails, and once when it goes on."""
    is_lost = False
    while True:
        await asyncio.sleep(seconds)
        try:
            work()
        except Exception as error:
            # A disk in trouble says so itself; of anything else the place is worth knowing.
            expected = isinstance(error, (sqlite3.Error, FleetError))
            if not is_lost:
                log.error("%s stand still: %s", what, error, exc_info=None if expected else error)
            is_lost = True
        else:
            if is_lost:
                log.warning("%s go on", what)
            is_lost = False
