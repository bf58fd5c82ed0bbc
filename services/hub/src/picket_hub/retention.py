"""What the journal lets go of: what is too old, and when there is no room the oldest of the least important.

Age is counted in days of *running*: a clock that only the monotonic one moves, stored now and then, and a mark each
hour of it that says which message was the newest. So a wall clock that jumps years ahead (a first NTP answer, a broken
RTC) drops nothing, and neither do months on a shelf; a start that is killed within ten minutes does not count.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from picket.bus.priority import PRIORITIES
from picket_hub.marks import Marks

CHUNK_ROWS = 500
FEW_ROWS = 50  # of what is dear
CHUNKS_AT_ONCE = 20  # of what is too old: the next messages wait for it
CLOCK_SECONDS = 600.0

Row = tuple[int, str, int]  # id, topic, priority


class Reader(NamedTuple):
    """A durable consumer: up to where it has read, and what it reads."""

    cursor: int
    topics: tuple[str, ...]


class Dropped:
    """What was dropped to stay within bounds, in all: by priority, and by consumer what it had not read yet."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.messages = dict.fromkeys(PRIORITIES, 0)
        self.unread: dict[str, int] = {}

    def note(self, rows: Iterable[Row], readers: dict[str, Reader]) -> None:
        """Count rows that went."""
        counts = Counter(level for _, _, level in rows)
        self.messages = {name: self.messages[name] + counts[level] for level, name in enumerate(PRIORITIES)}
        for name, reader in readers.items():
            missed = sum(number > reader.cursor and topic.startswith(reader.topics) for number, topic, _ in rows)
            if missed:
                self.unread = {**self.unread, name: self.unread.get(name, 0) + missed}


class Retention:
    """Drops rows of one open file."""

    def __init__(
        self, db: sqlite3.Connection, marks: Marks, dropped: Dropped, readers: Callable[[], dict[str, Reader]]
    ) -> None:
        """Go on where the file stands."""
        self._db = db
        self._marks = marks
        self._dropped = dropped
        self._readers = readers
        self._low = {int(level): number for level, (number, _) in marks.of("pruned").items()}
        self._hours = {int(hour): number for hour, (number, _) in marks.of("hour").items()}
        self._seconds = float(marks.of("clock").get("seconds", (0, ""))[0])
        self._stored_seconds = self._seconds
        self._looked: float | None = None

    @property
    def highest_pruned(self) -> int:
        """The last message that was dropped."""
        return max(self._low.values(), default=0)

    def expire(self, now: float, newest: int, max_days: float) -> None:
        """Let the clock run to `now` (monotonic), and drop some of what is older than `max_days` of it."""
        self._seconds += max(0.0, now - self._looked) if self._looked is not None else 0.0
        self._looked = now
        hour = int(self._seconds // 3600)
        if hour not in self._hours or self._seconds - self._stored_seconds >= CLOCK_SECONDS:
            self._store(hour, newest)
        oldest_kept = (self._seconds - max_days * 86_400) / 3600
        past = [hour for hour in self._hours if hour <= oldest_kept]
        if past and not self._drop_up_to(max(self._hours[hour] for hour in past)):
            self._forget(past)

    def shed(self, room: Callable[[], int], pages: int, *, below: int) -> None:
        """Drop what has a priority below so much, the least and the oldest first, until there is room for the pages."""
        for level in range(below):
            while room() < pages:
                rows = self._oldest(level)
                if not rows:
                    break
                self._drop(rows)

    def is_gone(self, level: int, number: int) -> bool:
        """Tell whether a message of a priority had been dropped: a broken file gives it back."""
        return number <= self._low.get(level, 0)

    def _store(self, hour: int, newest: int) -> None:
        with self._db:
            if hour not in self._hours:
                self._marks.put("hour", str(hour), newest)
            self._marks.put("clock", "seconds", int(self._seconds))
        self._hours.setdefault(hour, newest)
        self._stored_seconds = self._seconds

    def _drop_up_to(self, last: int) -> bool:
        """Drop what is not newer than `last`; True if there is more of it."""
        for rows in self._chunks_up_to(last):
            self._drop(rows)
            if len(rows) < CHUNK_ROWS:
                return False
        return True

    def _chunks_up_to(self, last: int) -> Iterator[list[Row]]:
        for _ in range(CHUNKS_AT_ONCE):
            sql = "SELECT id, topic, priority FROM messages WHERE id <= ? ORDER BY id LIMIT ?"
            yield self._db.execute(sql, (last, CHUNK_ROWS)).fetchall()

    def _forget(self, hours: list[int]) -> None:
        with self._db:
            for hour in hours:
                self._marks.forget("hour", str(hour))
        for hour in hours:
            del self._hours[hour]

    def _oldest(self, level: int) -> list[Row]:
        # Readings are nearly all there is: they need no index, only where the last ones that went stood.
        which = "+priority = 0" if level == 0 else f"priority > 0 AND priority = {level}"
        sql = f"SELECT id, topic, priority FROM messages WHERE id > ? AND {which} ORDER BY id LIMIT ?"
        return self._db.execute(sql, (self._low.get(level, 0), CHUNK_ROWS if level == 0 else FEW_ROWS)).fetchall()

    def _drop(self, rows: list[Row]) -> None:
        if not rows:
            return
        low = {level: max(self._low.get(level, 0), number) for number, _, level in rows}
        with self._db:
            self._db.executemany("DELETE FROM messages WHERE id = ?", [(number,) for number, _, _ in rows])
            for level, number in low.items():
                self._marks.put("pruned", str(level), number)
        self._low.update(low)
        self._dropped.note(rows, self._readers())
