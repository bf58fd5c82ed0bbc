"""One at a time, among processes; who is killed lets go."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

LOOK_SECONDS = 0.3


@contextmanager
def locked(file: Path, wait: Callable[[], None]) -> Iterator[None]:
    """Hold a file's lock; while another holds it, `wait` is called now and then, and may raise."""
    with file.open("ab") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                wait()
                sleep(LOOK_SECONDS)
            else:
                break
        yield


def is_locked(file: Path) -> bool:
    """Tell whether somebody holds a file's lock."""
    with file.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
