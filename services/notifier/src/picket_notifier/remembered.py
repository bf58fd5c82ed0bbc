"""Keep what a channel remembers in a small file, so that a restart neither forgets nor repeats."""

import logging
import zlib
from pathlib import Path

import msgspec
from msgspec import Struct

from picket.bus.journal import Entry
from picket_notifier.alerts import Memory

log = logging.getLogger("notifier")


class Remembered(Struct):
    """A channel's memory, when it was taken, and the last entry of the journal that is in it."""

    taken_ns: int
    last_id: int
    last_sum: int
    memory: Memory

    def new(self, entries: list[Entry]) -> list[Entry]:
        """Return the entries that are not in the memory yet.

        The last one that is in it is told by its content too: a journal that had to begin anew gives numbers again.
        """
        for index, entry in enumerate(entries):
            if entry.id == self.last_id and checksum(entry) == self.last_sum:
                return entries[index + 1 :]
        return entries


def checksum(entry: Entry) -> int:
    """Return a number by which an entry is known again."""
    return zlib.crc32(entry.body)


def load(file: Path) -> Remembered | None:
    """Read the file; None where there is none, or none that can be read, which is logged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        log.warning("%s can't be read, and nothing of it is known any more: %s", file, error)
        return None


def save(file: Path, remembered: Remembered) -> None:
    """Write the file as a whole or not at all; raises OSError.

    It is not forced onto the card: a process that is killed loses nothing, a power cut the last seconds.
    """
    beside = file.with_suffix(".new")
    file.parent.mkdir(parents=True, exist_ok=True)
    beside.write_bytes(msgspec.json.encode(remembered))
    beside.replace(file)
