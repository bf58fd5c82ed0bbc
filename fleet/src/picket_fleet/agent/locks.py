"""Update locks: while a service holds its own, nothing is stopped; what is stopped is locked by us before.

A lock is the file updates.lock in the folder that the container sees as /tmp/balena, made with O_EXCL. Ours belong to
the user 65534, so that those of an agent that was killed are known for what they are.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

OURS = 65534
LASTING_SECONDS = 10.0  # what is shorter holds up nothing that anybody would see
REASON_BYTES = 1000
LOCK, HANDOVER = "updates.lock", "handover-complete"


class Locks:
    """The locks of a fleet's services; `folder` is that of its app."""

    def __init__(self, folder: Path) -> None:
        """Hold none yet."""
        self._folder = folder
        self._held: set[str] = set()

    def take(self, services: Iterable[str], *, override: bool = False) -> str:
        """Take all locks and return "", or none and return which service has its own."""
        for service in sorted(services):
            if service in self._held:
                continue
            if override:
                self._file(service).unlink(missing_ok=True)
            if not self._take(service):
                self.release()
                return service
            self._held.add(service)
        return ""

    def release(self) -> None:
        """Give all locks back."""
        for service in self._held:
            self._file(service).unlink(missing_ok=True)
        self._held.clear()

    def prepare(self, services: Iterable[str]) -> None:
        """Make the services' folders, in which they may make locks whoever they run as, and nobody else on the host."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for service in services:
            folder = self._folder / service
            folder.mkdir(exist_ok=True)
            folder.chmod(0o1777)

    def held(self, now: float) -> dict[str, str]:
        """Return the services that have held their own lock for a while, and why where they wrote that into it."""
        found = {}
        for file in self._folder.glob(f"*/{LOCK}"):
            with suppress(OSError):
                state = file.lstat()
                if state.st_uid != OURS and now - state.st_mtime >= LASTING_SECONDS:
                    found[file.parent.name] = _reason(file)
        return found

    def sweep(self) -> None:
        """Remove the locks that an agent held when it was killed."""
        for file in self._folder.glob(f"*/{LOCK}"):
            with suppress(FileNotFoundError):
                if file.stat().st_uid == OURS:
                    file.unlink()

    def expect_handover(self, service: str) -> None:
        """Forget an older word that a service may go."""
        (self._folder / service / HANDOVER).unlink(missing_ok=True)

    def is_handed_over(self, service: str) -> bool:
        """Tell whether the new container of a service says that the old one may go."""
        return (self._folder / service / HANDOVER).exists()

    def _file(self, service: str) -> Path:
        return self._folder / service / LOCK

    def _take(self, service: str) -> bool:
        try:
            self._file(service).parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file(service), os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except FileExistsError:
            return False
        with suppress(PermissionError):
            os.fchown(descriptor, OURS, OURS)
        os.close(descriptor)
        return True


def _reason(file: Path) -> str:
    """Return what a service wrote into its lock as {"reason": text}; a service may write anything there, or nothing."""
    with suppress(OSError, ValueError, RecursionError):
        # It may have made a link or a pipe of it, too.
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            said = json.loads(opened.read(REASON_BYTES) or b"")
        if isinstance(said, dict):
            return str(said.get("reason") or "")[:100]
    return ""
