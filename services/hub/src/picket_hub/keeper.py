"""The thread that owns the journal: commits in groups, so that the sockets never wait for the disk."""

import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from picket.bus.journal import Batch, Commit, Query
from picket_hub.journal import Appended, Journal

GROUP = 500
RETRY_SECONDS = 1.0
PRUNE_SECONDS = 30.0


class Read(NamedTuple):
    """A consumer's question, and until when it may wait for an answer that is not empty."""

    client: bytes
    number: bytes
    query: Query
    deadline: float


class Committed(NamedTuple):
    """How many messages are now on disk, and the highest number of each producer."""

    messages: int
    numbers: dict[tuple[str, str], int]


class Answer(NamedTuple):
    """A batch for a consumer."""

    client: bytes
    number: bytes
    batch: Batch


class Trouble(NamedTuple):
    """The journal can't be written ("" when it can again), or something was lost."""

    text: str
    lost: str = ""


Job = Appended | Read | Commit | None
Report = Committed | Answer | Trouble


class Keeper(threading.Thread):
    """Takes jobs by `put`, and calls `report` from its own thread; None as a job ends it."""

    def __init__(self, journal: Journal, report: Callable[[Report], None]) -> None:
        """Keep `journal`; the thread is not started yet."""
        super().__init__(name="journal")
        self._journal = journal
        self._report = report
        self._jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._waiting: list[Read] = []
        self._unwritten: list[Appended | Commit] = []
        self._troubled = False
        self._retry_at = 0.0
        self._prune_at = 0.0
        self.lags: dict[str, int] = {}
        self.bytes_used = 0
        self.messages = 0

    def put(self, job: Job) -> None:
        """Hand over a job; never blocks."""
        self._jobs.put(job)

    def run(self) -> None:
        """Work until a None comes, then write what there is and close the journal."""
        going = True
        while going:
            going = self._take()
            now = time.monotonic()
            if self._unwritten and (not going or now >= self._retry_at):
                self._write(now)
            self._answer(now)
            if now >= self._prune_at:
                self._prune(now)
        try:
            self._journal.close()
        except sqlite3.Error as error:
            self._report(Trouble(f"the journal could not be closed: {error}"))

    def _take(self) -> bool:
        """Wait for a job and take what has come meanwhile; False at the end."""
        now = time.monotonic()
        due = [read.deadline for read in self._waiting]
        due.append(self._retry_at if self._unwritten else now + 1.0)
        patience = max(0.001, min(due) - now)
        for _ in range(GROUP):
            try:
                job = self._jobs.get(timeout=patience)
            except queue.Empty:
                break
            if job is None:
                return False
            if isinstance(job, Read):
                self._waiting.append(job)
            else:
                self._unwritten.append(job)
                if isinstance(job, Commit):
                    self._journal.advance(job.consumer, job.cursor)
            patience = 0.0
        return True

    def _write(self, now: float) -> None:
        messages = [job for job in self._unwritten if isinstance(job, Appended)]
        try:
            self._journal.append(messages)
        except sqlite3.Error as error:
            self._retry_at = now + RETRY_SECONDS
            if not self._troubled:
                self._troubled = True
                self._report(Trouble(f"can't be written: {error}"))
            self._make_room()
            return
        self._unwritten.clear()
        self.messages += len(messages)
        if self._troubled:
            self._troubled = False
            self._report(Trouble(""))
        if messages:
            self._report(Committed(len(messages), {(m.producer, m.session): m.seq for m in messages}))
        if self._journal.is_full():
            self._prune(now)

    def _answer(self, now: float) -> None:
        still_waiting = []
        for read in self._waiting:
            try:
                batch = self._journal.read(read.query)
            except sqlite3.Error as error:
                self._report(Trouble(f"can't be read: {error}"))
                batch = Batch([], read.query.after)
            if batch.entries or now >= read.deadline:
                self._report(Answer(read.client, read.number, batch))
            else:
                still_waiting.append(read)
        self._waiting = still_waiting

    def _make_room(self) -> None:
        try:
            self._journal.prune(time.time())
        except sqlite3.Error:
            pass  # told already: it can't be written

    def _prune(self, now: float) -> None:
        self._prune_at = now + PRUNE_SECONDS
        try:
            dropped = self._journal.prune(time.time())
            self.lags = self._journal.lags()
            self.bytes_used = self._journal.bytes_used()
        except sqlite3.Error as error:
            if not self._troubled:
                self._troubled = True
                self._report(Trouble(f"can't be pruned: {error}"))
            return
        if dropped.messages:
            unread = ", ".join(f"{count} before {consumer} read them" for consumer, count in dropped.unread.items())
            self._report(Trouble("", f"{dropped.messages} old messages dropped{': ' + unread if unread else ''}"))
