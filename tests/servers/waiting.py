"""Wait for a condition instead of a time."""

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found], seconds: float = 60.0, tail: Callable[[], str] = str) -> Found:
    """Look again and again until something is found, and return it; fails by name, and with a tail, when time is up.

    What takes a second on a quiet machine takes ten on one that is busy: a long wait costs nothing where all is well.
    """
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what} {tail()}"
        Event().wait(0.02)
    return found
