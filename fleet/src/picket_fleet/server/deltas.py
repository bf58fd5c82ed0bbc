"""The deltas that are kept, and those that are missing: made when the first device needs one, once."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from picket_fleet.errors import FleetError
from picket_fleet.home import Home

HOLD_SECONDS = 60.0
PROGRAM = """
import pathlib, sys
from picket_fleet.build.deltas import make_delta
from picket_fleet.home import load
make_delta(load(pathlib.Path(sys.argv[1])), *sys.argv[2:])
"""

MakeDelta = Callable[[str, str], Awaitable[None]]
log = logging.getLogger(__name__)


class Deltas:
    """Finds deltas; `make(base, target)` (commit ids) writes one to where `Home.delta` says, if it is worth it."""

    def __init__(self, home: Home, make: MakeDelta | None) -> None:
        """Look in the fleet's folder; without `make` what is missing stays missing."""
        self._home = home
        self._make = make
        self._making: dict[Path, asyncio.Task[None]] = {}

    async def find(self, base: str, target: str) -> Path | None:
        """Return the delta's file, waiting a while for one that is being made; None: there is none."""
        path = self._home.delta(base, target)
        if not path.is_file() and self._make is not None:
            if path not in self._making:
                self._making[path] = asyncio.create_task(self._try(self._make, base, target))
            await asyncio.wait({self._making[path]}, timeout=HOLD_SECONDS)
        return path if path.is_file() else None

    async def _try(self, make: MakeDelta, base: str, target: str) -> None:
        try:
            await make(base, target)
        except (FleetError, OSError) as error:  # devices then load the layers
            log.warning("no delta from %.7s to %.7s: %s", base, target, error)


async def make_apart(home: Home, base: str, target: str) -> None:
    """Make a delta in a process of its own, whose memory goes with it; raises FleetError."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, str(home.folder), base, target), stderr=asyncio.subprocess.PIPE
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise FleetError(said.decode(errors="replace").strip().rpartition("\n")[2] or f"exit {process.returncode}")
