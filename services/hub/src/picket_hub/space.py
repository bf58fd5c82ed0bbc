"""The disk under the journal: when it runs short, and a ballast to throw off when there is nothing left.

A full disk takes from SQLite even what it needs to delete with. So a file of free space is held while there is some;
thrown off, it lets the journal drop old readings, and from then on the journal lives in the pages that it has, and a
few more.
"""

import os
from contextlib import suppress
from pathlib import Path

BALLAST_BYTES = 1_000_000
LOW_BYTES = 8_000_000
SMALL_DISK_SHARE = 1 / 4  # of a small disk the same are parts of it


class Space:
    """The file system that a folder is on."""

    def __init__(self, folder: Path) -> None:
        """Look at `folder`, which exists, and hold the ballast if there is room for it; raises OSError."""
        self._folder = folder
        self._ballast = folder / "journal.ballast"
        self.is_low = False
        self.low_bytes = LOW_BYTES
        self.ballast_bytes = BALLAST_BYTES
        self.look()

    def look(self) -> None:
        """See whether it runs short (it no longer does when half as much again is free), and take ballast when not."""
        found = os.statvfs(self._folder)
        share = int(found.f_blocks * found.f_frsize * SMALL_DISK_SHARE)
        held = self._ballast.stat().st_size if self._ballast.exists() else 0
        free = found.f_bavail * found.f_frsize + held
        self.low_bytes = min(LOW_BYTES, share)
        self.ballast_bytes = min(BALLAST_BYTES, share)
        self.is_low = free < self.low_bytes * (1.5 if self.is_low else 1)
        if not self.is_low and not held:
            self._hold()

    def release(self) -> None:
        """Throw the ballast off."""
        with suppress(OSError):
            self._ballast.unlink(missing_ok=True)

    def _hold(self) -> None:
        try:
            descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError:
            return  # what can't be written is told by who must write
        try:
            os.posix_fallocate(descriptor, 0, self.ballast_bytes)  # reserved, not written
        except OSError:
            self.release()
        finally:
            os.close(descriptor)
