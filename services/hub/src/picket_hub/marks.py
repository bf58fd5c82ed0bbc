"""The journal's small numbers, a row each, all of which only go up.

    kind      name              number
    cursor    consumer          the last message it has dealt with; text: the topics it reads
    producer  name:session      the number of its last stored message
    pruned    priority          the last message of that priority that was dropped
    clock     seconds           for how long the hub has been running, in all its life
    hour      of that running   the newest message as the hour began

That they only go up makes a broken file simple to mend: of what can still be read of a number, the greatest holds.
Cursors and producers stand at the table's head, so that a commit touches one page for all of them.
"""

import sqlite3

from picket_hub.layout import is_mark, mark_crc

HOURS_FROM = 1_000_000
SESSIONS_KEPT = 4


class Marks:
    """Reads and writes them; what is put belongs to the transaction that is open."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """Find where each one stands; a damaged row is none."""
        self._db = db
        self._rows: dict[tuple[str, str], int] = {}
        self._next = 1
        for row, *fields in db.execute("SELECT id, kind, name, number, text, crc FROM marks ORDER BY id"):
            if is_mark(*fields):
                self._rows[fields[0], fields[1]] = row
                if row < HOURS_FROM:
                    self._next = row + 1

    def of(self, kind: str) -> dict[str, tuple[int, str]]:
        """Return {name: (number, text)} of one kind, the oldest row first."""
        rows = self._db.execute("SELECT kind, name, number, text, crc FROM marks WHERE kind = ? ORDER BY id", (kind,))
        return {name: (number, text) for _, name, number, text, crc in rows if is_mark(kind, name, number, text, crc)}

    def put(self, kind: str, name: str, number: int, text: str = "") -> None:
        """Write one."""
        row = self._rows.get((kind, name))
        if row is None:
            row = HOURS_FROM + int(name) if kind == "hour" else self._next
            self._next += kind != "hour"
            self._rows[kind, name] = row
            if kind == "producer":
                self._forget_sessions(name.rpartition(":")[0] + ":")
        fields = (kind, name, number, text)
        self._db.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?)", (row, *fields, mark_crc(*fields)))

    def forget(self, kind: str, name: str) -> None:
        """Take one away."""
        row = self._rows.pop((kind, name), None)
        self._db.execute("DELETE FROM marks WHERE id = ?", (row,))

    def _forget_sessions(self, producer: str) -> None:
        known = [name for kind, name in self._rows if kind == "producer" and name.startswith(producer)]
        for name in known[:-SESSIONS_KEPT]:
            self.forget("producer", name)
