"""Keep what InfluxDB would not take, for a person to look at: one file, and the one before it."""

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from picket.bus.journal import Entry

MAX_BYTES = 1_000_000


class Rejected(NamedTuple):
    """A message that became no point, and why; `line` is "" if it never was one."""

    entry: Entry
    why: str
    line: str = ""


class RejectedFile:
    """JSON lines; the file is begun anew when it is full, and the full one is kept once."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Name the file."""
        self._path = path
        self._max_bytes = max_bytes

    def keep(self, rejected: Rejected) -> None:
        """Add one; raises OSError when the disk does not take it, and then the file is as it was."""
        text = json_line(rejected)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        size = self._path.stat().st_size if self._path.exists() else 0
        if size and size + len(text) > self._max_bytes:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            size = 0
        with self._path.open("ab", buffering=0) as file:
            try:
                if file.write(text) < len(text):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                with suppress(OSError):
                    file.truncate(size)
                raise


def json_line(rejected: Rejected) -> bytes:
    """Return {"id", "topic", "why"} with the line that was refused, or with the body of what is no message."""
    entry, why, line = rejected
    said = {"line": line} if line else {"body": entry.body.decode(errors="replace")}
    return json.dumps({"id": entry.id, "topic": entry.topic, "why": why, **said}).encode() + b"\n"
