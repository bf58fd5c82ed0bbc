"""The durable journal: one SQLite file, appended to in groups, read by cursors, bounded in size and age.

All that it has on the disk (the file, SQLite's log, the ballast, a broken file set aside) stays below a cap in MB; only
while a broken file is being read is there more. What goes to stay within bounds is decided in retention.py.
"""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

from picket.bus.journal import Batch, Query
from picket.bus.priority import PRIORITIES, priority
from picket.messages import STATES
from picket_hub.folder import Folder
from picket_hub.jobs import Appended
from picket_hub.layout import PAGE_BYTES, is_damage, is_message, message_crc, open_file, pragma
from picket_hub.marks import Marks
from picket_hub.reading import read, read_last
from picket_hub.rescue import Remains
from picket_hub.retention import Dropped, Reader, Retention
from picket_hub.takeover import take_marks, take_messages

EVENTS = PRIORITIES.index("events")
ROOM_PAGES = 1_500  # kept free, for the largest commit
MEMORY_BYTES = 16_000_000

log = logging.getLogger("journal")


class Journal:
    """The file; used by one thread, but for the figures `newest`, `dropped`, `damaged` and `lags`."""

    def __init__(self, file: Path, *, max_megabytes: float, max_days: float) -> None:
        """Open or make the file; one that is broken is set aside, and what is readable of it is taken over.

        Where the folder can't be written at all the journal is one in memory, and `unwritable` says why.
        """
        self._file = file
        self._max_bytes = max_megabytes * 1e6
        self._max_days = max_days
        self._folder: Folder | None = None
        self._readers: dict[str, Reader] = {}
        self._disk_is_full = False
        self._frozen_at = 0
        self.dropped = Dropped()
        self.damaged: set[int] = set()
        self.rescued = ""
        self.unwritable = ""
        try:
            self._folder = Folder(file, self._max_bytes)
            self._use(self._opened(self._folder))
            if pragma(self._db, "page_count") > self._folder.most_pages():
                self.start_over("the file is larger than hub.journal_max_megabytes")
        except OSError as error:
            self._use_memory(error)
        except sqlite3.Error as error:
            if is_damage(error):
                self.start_over(str(error))
            else:
                self._use_memory(error)

    def advance(self, consumer: str, cursor: int) -> None:
        """Let a consumer's next read begin after `cursor`; stored with the next `append`."""
        reader = self._readers.get(consumer, Reader(0, ("",)))
        if cursor > reader.cursor:
            self._readers = {**self._readers, consumer: reader._replace(cursor=cursor)}

    def append(self, messages: Sequence[Appended]) -> None:
        """Commit messages, and the cursors that have moved; raises sqlite3.Error, and then nothing of it is stored.

        Cursors alone are not synced: a power cut may repeat a batch, a killed hub does not.
        """
        moved = {name: reader for name, reader in self._readers.items() if reader != self._stored_readers.get(name)}
        rows = [
            (number, m.topic, m.time_ns, priority(m.topic), m.body, message_crc(number, m.topic, m.time_ns, m.body))
            for number, m in enumerate(messages, self.newest + 1)
        ]
        self._db.execute(f"PRAGMA synchronous = {'FULL' if rows else 'NORMAL'}")
        with self._db:
            self._db.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)
            for producer, seq in {m.producer: m.seq for m in messages}.items():
                self._marks.put("producer", producer, seq)
            for name, reader in moved.items():
                self._marks.put("cursor", name, reader.cursor, " ".join(reader.topics))
        self.newest += len(rows)
        self._stored_readers.update(moved)

    def read(self, query: Query, after: int | None = None) -> Batch:
        """Return the next entries for a consumer (or after `query.after`), and the cursor to commit after them.

        Where the cursor is below `newest` there may be more: then this was a piece, and `after` asks for the next.
        """
        going_on = after is not None
        if after is None:
            after = self._cursor_of(query) if query.consumer else query.after
        if query.last:
            found = read_last(self._db, query, self.newest)
        elif query.start == "latest" and not (query.consumer or after):
            return Batch([], self.newest)
        else:
            found = read(self._db, query, after, self.newest)
        self.damaged.update(found.damaged)
        if query.consumer and not found.entries and not going_on:
            self.advance(query.consumer, found.upto)  # nothing for it up to here
        return Batch(found.entries, found.upto)

    @property
    def knows_new_readers(self) -> bool:
        """Tell whether a consumer has come that is not on disk: another start must not take it for a new one."""
        return self._readers.keys() != self._stored_readers.keys()

    def producers(self) -> dict[str, int]:
        """Return the number of the last stored message of each producer's latest starts."""
        return {name: number for name, (number, _) in self._marks.of("producer").items()}

    def last_states(self) -> dict[str, bytes]:
        """Return the last message of each topic that is a state."""
        rows = self._db.execute("SELECT id, topic, time_ns, body, crc FROM messages WHERE priority > 0 ORDER BY id")
        return {row[1]: row[3] for row in rows if row[1].startswith(STATES) and is_message(*row)}

    def lags(self) -> dict[str, int]:
        """Return how many messages each consumer is behind."""
        return {name: self.newest - reader.cursor for name, reader in self._readers.items()}

    @property
    def short_of_space(self) -> str:
        """Say so when the disk is short of space: then the journal does not grow."""
        if self._folder and self._disk_is_full:
            low = self._folder.space.low_bytes / 1e6
            return f"less than {low:.1f} MB are free on the disk: the oldest readings make room"
        return ""

    def keep_bounds(self, now: float) -> None:
        """Drop what is too old and what there is no room for; `now` is monotonic. Raises sqlite3.Error."""
        if self._folder:
            self._folder.space.look()
            self._disk_is_full = self._folder.space.is_low
        self._bound()
        self._retention.expire(now, self.newest, self._max_days)
        self._shed()

    def make_room(self) -> None:
        """Free what can be freed for a commit that did not fit; raises sqlite3.Error if that fails too."""
        count = pragma(self._db, "page_count")
        if self._folder and count < self._most_pages() - ROOM_PAGES:
            self._disk_is_full = True
            self._folder.space.release()
        self._db.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        self._bound()
        self._shed()

    def start_over(self, why: str) -> None:
        """Set the file aside and take over what is readable of it; `rescued` says what that was."""
        known = self._readers
        with suppress(AttributeError, sqlite3.Error):
            self._db.close()
        try:
            found = self._rescue(self._folder or Folder(self._file, self._max_bytes))
        except (OSError, sqlite3.Error) as worse:
            if self._folder:
                self._folder.put_back()  # for the next start to try again
            self._use_memory(worse)
            found = f"nothing could be taken over: {worse}"
        for name, reader in known.items():
            self.advance(name, reader.cursor)
        self.rescued = f"{why}: {found}"
        log.error("%s", self.rescued)

    def close(self) -> None:
        """Store the cursors and close the file."""
        try:
            self.append([])
        finally:
            self._db.close()

    def _opened(self, folder: Folder) -> sqlite3.Connection:
        try:
            return open_file(folder.file)
        except sqlite3.Error as error:
            if is_damage(error):
                raise
            folder.space.release()
            return open_file(folder.file)

    def _use(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._marks = Marks(db)
        cursors = self._marks.of("cursor")
        self._readers = {name: Reader(number, tuple(text.split(" "))) for name, (number, text) in cursors.items()}
        self._stored_readers = dict(self._readers)
        self._retention = Retention(db, self._marks, self.dropped, lambda: self._readers)
        top = db.execute("SELECT max(id) FROM messages").fetchone()[0] or 0
        # Ids go on above every cursor, or its consumer would not see them.
        self.newest: int = max(top, self._retention.highest_pruned, *(r.cursor for r in self._readers.values()), 0)
        self._bound()

    def _use_memory(self, error: Exception) -> None:
        self._folder = None
        self.unwritable = f"{self._file.parent}: {error}; the journal is in memory until the hub is started again"
        self._use(open_file(":memory:"))

    def _rescue(self, folder: Folder) -> str:
        self._folder = folder
        aside = folder.set_aside()
        self._use(self._opened(folder))
        with closing(Remains(aside)) as remains:
            take_marks(remains, self._db)
            self._use(self._db)
            take_messages(remains, self._db, self._retention.is_gone, self._shed)
        self._use(self._db)
        known_from = self._retention.highest_pruned
        count, later = self._db.execute("SELECT count(*), total(id > ?) FROM messages", (known_from,)).fetchone()
        known = self.newest - known_from
        became = folder.settle(aside, pragma(self._db, "page_count"))
        return f"{count} messages taken over, {known - int(later)} of the last {known} lost; {became}"

    def _bound(self) -> None:
        """Let SQLite itself refuse what is more than the cap, or more than it has on a disk that runs short."""
        limit = self._most_pages()
        if self._folder and self._disk_is_full:
            self._frozen_at = self._frozen_at or self._folder.pages_on_full_disk()
            limit = min(limit, max(self._frozen_at, pragma(self._db, "page_count")))
        else:
            self._frozen_at = 0
        self._db.execute(f"PRAGMA max_page_count = {limit}")

    def _most_pages(self) -> int:
        return self._folder.most_pages() if self._folder else int(min(MEMORY_BYTES, self._max_bytes)) // PAGE_BYTES

    def _shed(self) -> None:
        # A disk does not stay full: no event goes for another, their producers hold them meanwhile.
        below = EVENTS if self._disk_is_full else EVENTS + 1
        enough = min(ROOM_PAGES, pragma(self._db, "max_page_count") // 8)
        if self._room() < enough:
            self._retention.shed(self._room, 2 * enough, below=below)

    def _room(self) -> int:
        limit, count, free = (pragma(self._db, name) for name in ("max_page_count", "page_count", "freelist_count"))
        return limit - count + free

    def _cursor_of(self, query: Query) -> int:
        first = self.newest if query.start == "latest" else 0
        reader = self._readers.get(query.consumer, Reader(first, ()))
        if reader.topics != query.topics:
            self._readers = {**self._readers, query.consumer: reader._replace(topics=query.topics)}
        return reader.cursor
