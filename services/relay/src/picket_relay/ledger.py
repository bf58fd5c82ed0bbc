"""What outlives the guard: what runs and until when, how commands were answered, how often each output was switched.

    <data_dir>/relay-ledger.json      one JSON object a line; each says
      boot        the kernel's id of this boot: `since` and `deadline` are CLOCK_MONOTONIC of that boot, which all
                  processes share and no step of the wall clock touches
      running     all that is away from its rest; the last line counts
      answers     those that are new since the line before
      tallies     the counters, where they were written; the last ones count

A line is with the kernel before a pin goes on, so it outlives every death of a process. It is not synced: what a power
cut may take is of a boot that is over, whose pulses are aborted anyway, and a card that stalls would hold up the guard.
One line is appended at a time, and the whole is written anew, and synced, when it has grown. A line that is cut off is
damage, and so is one that can't be read: what ran is then unknown, what stands before it still counts.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from picket_relay.guard import Answer, Running, Tally

FILE = "relay-ledger.json"
MAX_BYTES = 512 * 1024


class Entry(Struct, frozen=True, omit_defaults=True):
    """One line."""

    boot: str
    running: dict[str, Running]
    answers: Sequence[Answer] = ()
    tallies: dict[str, Tally] = {}


class Past(NamedTuple):
    """What the ledger knows; `damage` says what is wrong with it, and `running` is then not to be believed."""

    running: Mapping[str, Running]
    answers: Sequence[Answer]
    tallies: Mapping[str, Tally]
    same_boot: bool
    damage: str = ""


class Ledger:
    """The file; after an error the next `write` makes it anew, which is how it heals."""

    def __init__(self, data_dir: str, boot: str) -> None:
        """Stand for the ledger of a data folder in this boot; nothing is opened yet."""
        self._file = Path(data_dir) / FILE
        self._boot = boot
        self._fd: int | None = None
        self._bytes = 0

    def read(self) -> Past:
        """Read what the guard before this one left; never raises."""
        try:
            lines = self._file.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return Past({}, (), {}, False)
        except OSError as error:
            return Past({}, (), {}, False, f"can't be read: {error.strerror or error}")
        entries: list[Entry] = []
        damage = "" if lines else "is empty"
        for number, line in enumerate(lines, 1):
            try:
                entries.append(_decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                damage = f"line {number} of {len(lines)} can't be read: {error}"
                break
            if not line.endswith(b"\n"):
                damage = f"line {number} is cut off"
        answers = {answer.id: answer for entry in entries for answer in entry.answers}
        tallies = {name: tally for entry in entries for name, tally in entry.tallies.items()}
        last = entries[-1] if entries else Entry("", {})
        return Past(last.running, tuple(answers.values()), tallies, bool(last.boot) and last.boot == self._boot, damage)

    def write(
        self, running: dict[str, Running], answers: Iterable[Answer], unwritten: int, tallies: dict[str, Tally]
    ) -> None:
        """Have it in the file what runs, and the last `unwritten` of the answers; raises OSError."""
        remembered = tuple(answers)
        if self._fd is None or self._bytes > MAX_BYTES:
            self._begin(Entry(self._boot, running, remembered, tallies))
            return
        line = _encode(Entry(self._boot, running, remembered[len(remembered) - unwritten :], tallies))
        try:
            _write(self._fd, line)
            self._bytes += len(line)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._bytes)  # half a line would be damage
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _begin(self, entry: Entry) -> None:
        """Write the whole anew, at once or not at all."""
        self.close()
        self._file.parent.mkdir(parents=True, exist_ok=True)
        new = self._file.with_suffix(".new")
        line = _encode(entry)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _write(fd, line)
            os.fdatasync(fd)
            new.replace(self._file)
            _sync_folder(self._file.parent)
        except OSError:
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        self._fd, self._bytes = fd, len(line)


def boot_id() -> str:
    """Return the kernel's id of this boot; empty where there is none, and then no two starts are of one boot."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


_decode = msgspec.json.Decoder(Entry).decode


def _encode(entry: Entry) -> bytes:
    return msgspec.json.encode(entry) + b"\n"


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
