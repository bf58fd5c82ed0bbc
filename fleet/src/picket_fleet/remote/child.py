"""A process that works for one request, and is to end with it."""

import asyncio
import os
import signal
from contextlib import suppress

END_SECONDS = 30.0


async def end(process: asyncio.subprocess.Process) -> None:
    """Wait for a process that began a session, after telling it to end if it still goes on: then who asked has gone."""
    if process.returncode is None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), 0.2)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(process.wait(), END_SECONDS)
