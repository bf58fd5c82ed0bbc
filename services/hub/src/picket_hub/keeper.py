"""The thread that owns the journal: commits in groups, so that the sockets never wait for the disk.

Each commit writes whole pages and is synced, so readings wait a moment for company; everything else commits at once,
and takes the readings that wait along.
"""

import itertools
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable

import msgspec

from picket.bus.journal import Batch, Commit
from picket_hub.jobs import Answer, Appended, Committed, Flush, Job, Read, Report, Said
from picket_hub.journal import Journal
from picket_hub.layout import is_damage
from picket_hub.reading import PIECE_BYTES

HOLD_SECONDS = 1.0  # well below producer.RESEND_SECONDS
COMPANY = 64  # readings that need not wait for more
GROUP = 500
GROUP_BYTES = 400_000
TRIES = 4
RETRY_SECONDS = 1.0
LOOK_SECONDS = 1.0
QUIET_SECONDS = 600.0  # without a loss, and the journal is within bounds again


class Keeper(threading.Thread):
    """Takes jobs by `put`, and calls `report` (or once `fail`) from its own thread; None as a job ends it."""

    def __init__(
        self, journal: Journal, report: Callable[[Report], None], fail: Callable[[BaseException], None]
    ) -> None:
        """Keep `journal`; the thread is not started yet."""
        super().__init__(name="journal")
        self._journal = journal
        self._report = report
        self._fail = fail
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting: list[Read] = []
        self._unwritten: deque[Appended] = deque()
        self._cursors_moved = False
        self._write_at = float("inf")
        self._look_at = 0.0
        self._group = GROUP
        self._more_to_read = False
        self._faults: dict[str, str] = {}
        self._unread_before: dict[str, int] = {}
        self._quiet_at = 0.0

    def put(self, job: Job) -> None:
        """Hand over a job; never blocks."""
        self._jobs.put(job)

    def run(self) -> None:
        """Work until a None comes, then write what there is and close the journal."""
        try:
            self._work()
        except BaseException as error:
            self._fail(error)

    def _work(self) -> None:
        going = True
        while going:
            going = self._take()
            now = time.monotonic()
            if self._unwritten and (now >= self._write_at or not going):
                self._write(now)
            elif self._cursors_moved and "journal" not in self._faults:
                self._write_cursors(now)
            self._answer(now)
            if now >= self._look_at:
                self._look_after(now)
        try:
            self._journal.close()
        except sqlite3.Error as error:
            self._say("journal", f"could not be closed: {error}")

    def _take(self) -> bool:
        """Wait for a job and take what has come meanwhile; False at the end."""
        now = time.monotonic()
        due = min([self._look_at, self._write_at, *(read.deadline for read in self._waiting)])
        patience = 0.0 if self._more_to_read else max(0.001, due - now)
        for _ in range(2 * GROUP):
            try:
                job = self._jobs.get(timeout=patience) if patience else self._jobs.get_nowait()
            except queue.Empty:
                break
            patience = 0.0
            match job:
                case None:
                    return False
                case Read():
                    self._waiting.append(job)
                case Commit(consumer, cursor):
                    self._journal.advance(consumer, cursor)
                    self._cursors_moved = True
                case Flush():
                    self._hurry()
                case Appended():
                    self._unwritten.append(job)
                    if not job.topic.startswith("reading.") or len(self._unwritten) >= COMPANY:
                        self._hurry()
                    elif self._write_at == float("inf"):
                        self._write_at = time.monotonic() + HOLD_SECONDS
        return True

    def _hurry(self) -> None:
        if "journal" not in self._faults:  # else it is tried when it is time to
            self._write_at = 0.0

    def _write(self, now: float) -> None:
        tries = 0
        while self._unwritten:
            group = self._next_group()
            try:
                self._journal.append(group)
            except sqlite3.Error as error:
                tries += 1
                if self._mend(error) and tries < TRIES:
                    continue
                self._say("journal", f"can't be written: {error}")
                self._write_at = now + RETRY_SECONDS
                return
            for _ in group:
                self._unwritten.popleft()
            self._group = min(GROUP, 2 * self._group)
            self._report(Committed(group, {m.producer: m.seq for m in group}, time.time_ns()))
        self._cursors_moved = False
        self._write_at = float("inf")
        self._say("journal")

    def _next_group(self) -> list[Appended]:
        group: list[Appended] = []
        size = 0
        for message in itertools.islice(self._unwritten, self._group):
            size += len(message.body)
            if group and size > GROUP_BYTES:
                break
            group.append(message)
        return group

    def _write_cursors(self, now: float) -> None:
        self._cursors_moved = False
        try:
            self._journal.append([])
        except sqlite3.Error as error:
            if not self._mend(error):
                self._cursors_moved = True
                self._look_at = min(self._look_at, now + RETRY_SECONDS)

    def _mend(self, error: sqlite3.Error) -> bool:
        """Do what can be done about a file that is broken, or for which there is no room; True if it is worth a try."""
        try:
            if is_damage(error):
                self._start_over(error)
            else:
                self._group = max(1, self._group // 2)
                self._journal.make_room()
        except sqlite3.Error:
            return False
        return True

    def _start_over(self, error: sqlite3.Error) -> None:
        self._journal.start_over(str(error))
        self._say("journal file", self._journal.rescued)
        self._say("journal file")
        self._say("journal folder", self._journal.unwritable)

    def _answer(self, now: float) -> None:
        """Answer who can be answered; fewer entries than asked for say that there are no more (or are large)."""
        waiting, self._waiting = self._waiting, []
        self._more_to_read = False
        for read in waiting:
            batch = self._read(read)
            found = (*read.found, *batch.entries)
            at_end = batch.cursor >= self._journal.newest
            full = len(found) >= read.query.limit or sum(len(entry.body) for entry in found) >= PIECE_BYTES
            if full or (at_end and (found or now >= read.deadline)):
                self._report(Answer(read.client, read.number, Batch(list(found), batch.cursor)))
                continue
            self._more_to_read |= not at_end
            known = found or not read.query.consumer  # else the journal knows where its consumer stands
            self._waiting.append(read._replace(found=found, after=batch.cursor if known else None))
        self._cursors_moved |= self._journal.knows_new_readers

    def _read(self, read: Read) -> Batch:
        query = read.query
        if read.found:
            query = msgspec.structs.replace(query, limit=query.limit - len(read.found))
        try:
            return self._journal.read(query, read.after)
        except sqlite3.Error as error:
            if is_damage(error):
                self._start_over(error)
            else:
                self._say("journal", f"can't be read: {error}")
        return Batch([], query.after if read.after is None else read.after)

    def _look_after(self, now: float) -> None:
        self._look_at = now + LOOK_SECONDS
        try:
            self._journal.keep_bounds(now)
        except sqlite3.Error as error:
            self._mend(error)
        self._say("disk space", self._journal.short_of_space)
        if self._journal.dropped.unread != self._unread_before:
            self._unread_before = self._journal.dropped.unread
            self._quiet_at = now + QUIET_SECONDS
            names = " and ".join(sorted(self._unread_before))
            self._say("journal bounds", f"messages are dropped that {names} had not read: see journal_unread_dropped")
        elif now >= self._quiet_at:
            self._say("journal bounds")

    def _say(self, subject: str, text: str = "") -> None:
        """Tell a fault when it begins, when its reason changes, and when it ends."""
        if self._faults.get(subject, "") != text:
            self._faults[subject] = text
            if not text:
                del self._faults[subject]
            self._report(Said(subject, text))
