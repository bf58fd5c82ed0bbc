"""What a build says, kept with its release for those who look on, and for later: builds/<commit id>.log.

A line:  seconds since it began · tab · service, or nothing for what is about all of them · tab · what is said
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from picket_fleet.build.release import Pusher

LOG_BYTES = 4 << 20  # what comes after is not kept
LINE_CHARACTERS = 2000


class Said(NamedTuple):
    """A line of a build's log."""

    seconds: float
    service: str
    text: str


class Kept:
    """One who pushed, with all that is said kept in a file as well."""

    def __init__(self, pusher: "Pusher", file: IO[bytes]) -> None:
        """Write to a file that is open."""
        self._pusher, self._file = pusher, file
        self._began = time.monotonic()
        self._room = LOG_BYTES

    def say(self, service: str, line: str) -> None:
        """Keep a line, and pass it on."""
        self.keep(service, line)
        self._pusher.say(service, line)

    def still_there(self) -> None:
        """Ask the one who pushed."""
        self._pusher.still_there()

    def confirm(self) -> None:
        """Ask the one who pushed."""
        self._pusher.confirm()

    def keep(self, service: str, text: str) -> None:
        """Keep what is said, a line at a time."""
        for line in text.splitlines():
            said = f"{time.monotonic() - self._began:.1f}\t{service}\t{line[:LINE_CHARACTERS]}\n"
            data = said.encode(errors="replace")
            if len(data) <= self._room:
                self._file.write(data)
                self._file.flush()
            self._room -= len(data)


@contextmanager
def keeping(file: Path, pusher: "Pusher") -> Iterator[Kept]:
    """Keep what is said to the one who pushed in a file of its own."""
    with file.open("wb") as out:
        yield Kept(pusher, out)


def read(file: Path, offset: int, most_bytes: int) -> tuple[list[Said], int]:
    """Return the whole lines of a log from an offset on, and the offset after them; none where there is no log."""
    try:
        with file.open("rb") as log:
            log.seek(offset)
            data = log.read(most_bytes)
    except FileNotFoundError:
        return [], offset
    data = data[: data.rfind(b"\n") + 1]
    found = []
    for line in data.decode(errors="replace").split("\n")[:-1]:
        seconds, _, rest = line.partition("\t")
        service, _, text = rest.partition("\t")
        found.append(Said(float(seconds), service, text))
    return found, offset + len(data)
