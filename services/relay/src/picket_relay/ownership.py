"""Who may write the expanders: whoever holds the lock on `<data_dir>/relay.lock`, and nobody else.

The guard holds it while it lives; the watcher takes it for as long as it writes, which is when the guard is dead. The
kernel lets go of it when its holder dies, however it dies, so there is no stale one. The watcher imports this: it
stays small (no pathlib, no logging).
"""

import fcntl
import os
import time
from contextlib import suppress

LOOK_SECONDS = 0.01


class ChipLock:
    """The right to write; a context manager that gives it up at the end."""

    def __init__(self, data_dir: object, name: str = "relay.lock") -> None:
        """Stand for the lock of a data folder; nothing is taken yet."""
        self._file = f"{data_dir}/{name}"
        self._fd: int | None = None

    def acquire(self, timeout_seconds: float = 0.0) -> bool:
        """Take the lock; False when another process still holds it after so long. Raises OSError for a bad folder."""
        if self._fd is not None:
            return True
        deadline = time.monotonic() + timeout_seconds
        fd = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        while not _locked(fd):
            if time.monotonic() >= deadline:
                os.close(fd)
                return False
            time.sleep(LOOK_SECONDS)
        self._fd = fd
        with suppress(OSError):  # a full disk: the lock counts, the number in it is for people
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        return True

    def release(self) -> None:
        """Give the lock up, if it is held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def held(self) -> bool:
        """Tell whether this object holds the lock."""
        return self._fd is not None

    def holder(self) -> str:
        """Say who took the lock last: "process 123 (picket_relay.watcher)"; for people, after `acquire` was False."""
        try:
            number = int(read(self._file))
            arguments = read(f"/proc/{number}/cmdline").decode(errors="replace").split("\0")
        except (OSError, ValueError):
            return "an unknown process"
        module = arguments[arguments.index("-m") + 1] if "-m" in arguments[:-1] else arguments[0]
        return f"process {number} ({module})"

    def __enter__(self) -> "ChipLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def read(file: str, limit: int = 100_000) -> bytes:
    """Return what a file holds, up to a limit in bytes; raises OSError."""
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, limit)
    finally:
        os.close(fd)


def _locked(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
