"""Keep what InfluxDB would not take, for a person to look at: one file, and the one before it."""

import json
from collections.abc import Iterable
from pathlib import Path

MAX_BYTES = 1_000_000


class RejectedFile:
    """JSON lines {"why", "line"}; the file is begun anew when it is full, and the full one is kept once."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        """Name the file."""
        self._path = path
        self._max_bytes = max_bytes

    def append(self, rejected: Iterable[tuple[str, str]]) -> None:
        """Add (line, why); raises OSError when the disk does not take it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size >= self._max_bytes:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        with self._path.open("a", encoding="utf-8") as file:
            for line, why in rejected:
                file.write(json.dumps({"why": why, "line": line}) + "\n")
