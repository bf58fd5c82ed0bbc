"""What the journal has on the disk: its file, SQLite's log beside it, the ballast, and a broken file set aside."""

import time
from contextlib import suppress
from pathlib import Path

from picket_hub.layout import PAGE_BYTES, WAL_BYTES
from picket_hub.space import BALLAST_BYTES, Space


class Folder:
    """The files of one journal, all of them together below a cap."""

    def __init__(self, file: Path, max_bytes: float) -> None:
        """Make the folder of `file` if need be; raises OSError."""
        self.file = file
        self._max_bytes = max_bytes
        file.parent.mkdir(parents=True, exist_ok=True)
        self._aside_bytes = sum(part.stat().st_size for part in self._aside())
        self.space = Space(file.parent)

    def most_pages(self) -> int:
        """Return how many pages the file may have, beside what else there is."""
        return int(self._max_bytes - WAL_BYTES - BALLAST_BYTES - self._aside_bytes) // PAGE_BYTES

    def pages_on_full_disk(self) -> int:
        """Return how many pages the file may have as it stands on the disk, and some that the ballast has room for."""
        return (self.file.stat().st_size + self.space.ballast_bytes // 2) // PAGE_BYTES

    def set_aside(self) -> Path:
        """Take the file out of the way, and its log with it; an earlier one that stood there goes."""
        for old in self._aside():
            old.unlink()
        self._aside_bytes = 0
        aside = self.file.with_name(f"{self.file.name}.broken-{int(time.time())}")
        for suffix in ("-wal", ""):
            part = self.file.with_name(self.file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        self.file.with_name(self.file.name + "-shm").unlink(missing_ok=True)
        return aside

    def put_back(self) -> None:
        """Have the file that was set aside where it was, with its log."""
        for old in self._aside():
            suffix = "-wal" if old.name.endswith("-wal") else ""
            with suppress(OSError):
                old.rename(self.file.with_name(self.file.name + suffix))

    def settle(self, aside: Path, pages: int) -> str:
        """Keep what was set aside if there is room for it beside so many pages, and say what became of it."""
        size = sum(part.stat().st_size for part in self._aside())
        if size <= (self.most_pages() - pages) * PAGE_BYTES:
            self._aside_bytes = size
            return f"set aside as {aside.name}"
        for part in self._aside():
            part.unlink()
        return "there was no room to keep the old file"

    def _aside(self) -> list[Path]:
        return list(self.file.parent.glob(f"{self.file.name}.broken-*"))


def disk_bytes(file: Path) -> int:
    """Return what a journal has on the disk."""
    found = 0
    for part in file.parent.glob(f"{file.stem}.*"):
        with suppress(OSError):
            found += part.stat().st_size
    return found
