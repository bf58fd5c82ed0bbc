"""The durable journal: one SQLite file, appended to in groups, read by cursors, bounded in size and age.

What is dropped to stay within bounds goes by priority: readings, then states and results, then events and faults.
"""

import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from picket.bus.journal import Batch, Entry, Query
from picket.messages import STATES

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, stored_ns INTEGER NOT NULL, priority INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS by_priority ON messages (priority);
CREATE TABLE IF NOT EXISTS producers (name TEXT PRIMARY KEY, session TEXT NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (consumer TEXT PRIMARY KEY, cursor INTEGER NOT NULL);
"""
LAST_CHARACTER = "\U0010ffff"
PRUNE_ROWS = 2000

log = logging.getLogger("journal")


class Appended(NamedTuple):
    """A message on its way to the disk."""

    producer: str
    session: str
    seq: int
    topic: str
    body: bytes
    stored_ns: int


class Dropped(NamedTuple):
    """What was dropped to stay within bounds; `unread` names the consumers that had not read it yet."""

    messages: int
    unread: dict[str, int]


class Journal:
    """The file; used by one thread."""

    def __init__(self, file: Path, *, max_megabytes: float, max_days: float) -> None:
        """Open or make the file; one that can't be read is set aside, and what is readable of it is taken over."""
        self._max_bytes = max_megabytes * 1e6
        self._max_days = max_days
        self._file = file
        self.rescued: str = ""
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = _open(file)
        except sqlite3.DatabaseError as error:
            self._db = self._start_over(error)
        self._cursors: dict[str, int] = dict(self._db.execute("SELECT consumer, cursor FROM cursors"))

    def advance(self, consumer: str, cursor: int) -> None:
        """Let a consumer's next read begin after `cursor`; stored with the next `append`."""
        self._cursors[consumer] = max(cursor, self._cursors.get(consumer, 0))

    def append(self, messages: Sequence[Appended]) -> None:
        """Commit messages, and all cursors, in one go; raises sqlite3.Error, and then nothing of it is stored."""
        with self._db:
            self._db.executemany(
                "INSERT INTO messages (topic, stored_ns, priority, body) VALUES (?, ?, ?, ?)",
                [(m.topic, m.stored_ns, priority(m.topic), m.body) for m in messages],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO producers VALUES (?, ?, ?)", [(m.producer, m.session, m.seq) for m in messages]
            )
            self._db.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?)", self._cursors.items())

    def read(self, query: Query) -> Batch:
        """Return the next entries for a consumer (or after `query.after`), and the cursor to commit after them."""
        newest = self.newest()
        after = query.after
        if query.consumer:
            after = self._cursor_of(query.consumer, newest if query.start == "latest" else 0)
        elif query.start == "latest" and not after:
            return Batch([], newest)
        ranges = " OR ".join("topic >= ? AND topic < ?" for _ in query.topics) or "0"
        bounds = [bound for topic in query.topics for bound in (topic, topic + LAST_CHARACTER)]
        limit = min(max(query.limit, 1), 1000)
        rows = self._db.execute(
            f"SELECT id, topic, body FROM messages WHERE id > ? AND ({ranges}) ORDER BY id LIMIT ?",
            (after, *bounds, limit),
        )
        entries = [Entry(*row) for row in rows]
        cursor = entries[-1].id if len(entries) == limit else max(newest, after)
        if query.consumer and not entries:
            self._cursors[query.consumer] = cursor  # nothing for it up to here: stored with its next commit
        return Batch(entries, cursor)

    def newest(self) -> int:
        """Return the highest id ever given."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'messages'").fetchone()
        return int(row[0]) if row else 0

    def producers(self) -> dict[tuple[str, str], int]:
        """Return the number of the last stored message of each producer's latest start."""
        return {(name, session): seq for name, session, seq in self._db.execute("SELECT * FROM producers")}

    def last_states(self) -> dict[str, bytes]:
        """Return the last message of each topic that is a state."""
        found: dict[str, bytes] = {}
        for prefix in STATES:
            rows = self._db.execute(
                "SELECT topic, body, max(id) FROM messages "
                "WHERE priority = 1 AND topic >= ? AND topic < ? GROUP BY topic",
                (prefix, prefix + LAST_CHARACTER),
            )
            found.update({topic: body for topic, body, _ in rows})
        return found

    def prune(self, now: float) -> Dropped:
        """Drop what is too old, and as much as the size asks for."""
        before = dict(self._db.execute("SELECT priority, count(*) FROM messages GROUP BY priority"))
        oldest_kept = int((now - self._max_days * 86400) * 1e9)
        with self._db:
            self._db.execute("DELETE FROM messages WHERE stored_ns < ?", (oldest_kept,))
        while self.bytes_used() > self._max_bytes * 0.9 and self._drop_rows():
            pass
        after = dict(self._db.execute("SELECT priority, count(*) FROM messages GROUP BY priority"))
        dropped = sum(before.values()) - sum(after.values())
        if dropped:
            self._db.execute("PRAGMA incremental_vacuum")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        oldest = self._db.execute("SELECT min(id) FROM messages").fetchone()[0] or self.newest() + 1
        unread = {name: oldest - 1 - cursor for name, cursor in self._cursors.items() if cursor < oldest - 1}
        return Dropped(dropped, unread if dropped else {})

    def is_full(self) -> bool:
        """Tell whether the file has reached its bound."""
        return self.bytes_used() > self._max_bytes

    def bytes_used(self) -> int:
        """Return the bytes that messages take, without the pages that are free again."""
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    def lags(self) -> dict[str, int]:
        """Return how many messages each consumer is behind."""
        newest = self.newest()
        return {consumer: newest - cursor for consumer, cursor in self._cursors.items()}

    def close(self) -> None:
        """Store the cursors and close the file."""
        with closing(self._db), self._db:
            self._db.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?)", self._cursors.items())

    def _cursor_of(self, consumer: str, first: int) -> int:
        if consumer not in self._cursors:
            with self._db:
                self._db.execute("INSERT INTO cursors VALUES (?, ?)", (consumer, first))
            self._cursors[consumer] = first
        return self._cursors[consumer]

    def _drop_rows(self) -> bool:
        for level in (0, 1, 2):
            with self._db:
                gone = self._db.execute(
                    "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE priority = ? ORDER BY id LIMIT ?)",
                    (level, PRUNE_ROWS),
                ).rowcount
            if gone:
                return True
        return False

    def _start_over(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        aside = self._file.with_name(f"{self._file.name}.broken-{int(time.time())}")
        for suffix in ("", "-wal", "-shm"):
            part = self._file.with_name(self._file.name + suffix)
            if part.exists():
                part.rename(aside.with_name(aside.name + suffix))
        fresh = _open(self._file)
        count = _rescue(aside, fresh)
        self.rescued = f"{error}: set aside as {aside.name}, {count} messages taken over, the rest is lost"
        log.error("%s", self.rescued)
        return fresh


def priority(topic: str) -> int:
    """Return 0 for what is dropped first, 2 for what is dropped last."""
    if topic.startswith("reading."):
        return 0
    return 1 if topic.startswith((*STATES, "output.result.")) else 2


def _open(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, check_same_thread=False, timeout=5)
    try:
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # acknowledged means that a power cut does not take it
        db.execute("PRAGMA journal_size_limit = 4000000")
        db.executescript(SCHEMA)
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _rescue(aside: Path, fresh: sqlite3.Connection) -> int:
    count = 0
    try:
        with closing(sqlite3.connect(f"file:{aside}?mode=ro", uri=True)) as broken, fresh:
            for table, columns in (("cursors", 2), ("producers", 3), ("messages", 5)):
                for row in broken.execute(f"SELECT * FROM {table}"):
                    fresh.execute(f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * columns)})", row)
                    count += table == "messages"
    except sqlite3.DatabaseError as error:
        log.error("no more can be read of %s: %s", aside.name, error)
    # Ids go on above every stored cursor, or its consumer would not see them.
    top = fresh.execute(
        "SELECT max(coalesce((SELECT max(cursor) FROM cursors), 0), coalesce((SELECT max(id) FROM messages), 0))"
    ).fetchone()[0]
    with fresh:
        fresh.execute("DELETE FROM sqlite_sequence WHERE name = 'messages'")
        fresh.execute("INSERT INTO sqlite_sequence VALUES ('messages', ?)", (top,))
    return count
