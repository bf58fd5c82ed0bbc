"""Tell what a process died of: at once where the hub hears it, else at the next start.

A service that dies at every start says so once in ten minutes, and then for how many deaths: its faults would take the
place of alarms in the journal.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from picket.bus.producer import Producer
from picket.loop import Loop
from picket.messages import Fault

PATIENCE_SECONDS = 1.0
QUIET_NS = 600 * 1_000_000_000
MOST_TEXT = 500
MOST_TRACEBACK = 32_000  # characters; the end of it tells most

log = logging.getLogger("last words")


class Note(Struct, frozen=True):
    """What was said last, whether the hub has it, and how many deaths alike came after it."""

    fault: Fault
    heard: bool
    deaths: int = 0


class LastWords:
    """What one service says as it dies, and a file that its next processes read."""

    def __init__(self, producer: Producer, file: Path, wall_ns: Callable[[], int] = time.time_ns) -> None:
        """Read what was said last."""
        self._producer = producer
        self._file = file
        self._wall_ns = wall_ns
        self._last = self._read()
        self._said: Note | None = None

    def say(self, service: str, subject: str, text: str, traceback: str) -> None:
        """Tell why the process ends; it waits for nothing."""
        now_ns = self._wall_ns()
        fault = Fault(
            time_ns=now_ns,
            service=service,
            subject=subject,
            state="begin",
            text=text[:MOST_TEXT],
            traceback=traceback[-MOST_TRACEBACK:],
        )
        last = self._last
        if last and last.fault.traceback == fault.traceback and last.fault.text.startswith(fault.text):
            if last.heard and 0 <= now_ns - last.fault.time_ns < QUIET_NS:
                self._said = Note(last.fault, heard=True, deaths=last.deaths + 1)
                return
            if last.deaths:
                fault = msgspec.structs.replace(fault, text=f"{fault.text} (and {last.deaths} times before)")
        self._producer.publish(f"fault.{service}", fault)
        self._said = Note(fault, heard=False)

    def keep(self) -> None:
        """Wait a moment for the hub to commit what was said, and keep it for the next process."""
        if self._said:
            heard = self._said.heard or self._producer.flush(PATIENCE_SECONDS)
            self._write(Note(self._said.fault, heard, self._said.deaths))

    def repeat(self, loop: Loop) -> None:
        """Tell of the last death, if the hub has not heard of it."""
        note = self._last
        if note is None or note.heard:
            return
        self._producer.publish(f"fault.{note.fault.service}", note.fault)

        def look() -> None:
            if self._producer.pending:
                loop.at(loop.now() + PATIENCE_SECONDS, look)
            else:
                self._last = Note(note.fault, heard=True, deaths=note.deaths)
                self._write(self._last)

        loop.at(loop.now() + PATIENCE_SECONDS, look)

    def _read(self) -> Note | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Note)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s can't be read: %s", self._file, error)
            return None

    def _write(self, note: Note) -> None:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_bytes(msgspec.json.encode(note))
        except OSError as error:
            log.error("%s can't be written: %s", self._file, error.strerror)
