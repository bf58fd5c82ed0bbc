"""Read entries of the journal, a bounded piece at a time: what is to be written waits meanwhile."""

import sqlite3
from typing import NamedTuple

from picket.bus.journal import Entry, Query
from picket_hub.layout import is_message

LAST_CHARACTER = "\U0010ffff"
LAST_NS = 2**63 - 1
SCANNED_IDS = 20_000
MAX_ENTRIES = 1000
PIECE_BYTES = 1_000_000


class Piece(NamedTuple):
    """What was found, up to where was looked, and the ids of messages that are damaged."""

    entries: list[Entry]
    upto: int
    damaged: list[int]


def read(db: sqlite3.Connection, query: Query, after: int, newest: int) -> Piece:
    """Look for what `query` asks for in a piece of the messages after `after`."""
    first = db.execute("SELECT min(id) FROM messages WHERE id > ?", (after,)).fetchone()[0]
    upto = max(after, min(newest, (first or newest) + SCANNED_IDS))
    return _piece(_select(db, query, after, upto, "ASC"), upto, min(max(query.limit, 1), MAX_ENTRIES))


def read_last(db: sqlite3.Connection, query: Query, newest: int) -> Piece:
    """Look for the last `query.last` of what it asks for, and return them in order."""
    piece = _piece(_select(db, query, query.after, newest, "DESC"), newest, min(query.last, MAX_ENTRIES))
    return piece._replace(entries=piece.entries[::-1], upto=newest)


def _select(db: sqlite3.Connection, query: Query, after: int, upto: int, order: str) -> sqlite3.Cursor:
    topics = " OR ".join("topic >= ? AND topic < ?" for _ in query.topics) or "0"
    bounds = [bound for topic in query.topics for bound in (topic, topic + LAST_CHARACTER)]
    return db.execute(
        "SELECT id, topic, time_ns, body, crc FROM messages "
        f"WHERE id > ? AND id <= ? AND time_ns >= ? AND time_ns < ? AND ({topics}) ORDER BY id {order}",
        (after, upto, query.since_ns, query.until_ns or LAST_NS, *bounds),
    )


def _piece(rows: sqlite3.Cursor, upto: int, limit: int) -> Piece:
    entries: list[Entry] = []
    damaged: list[int] = []
    size = 0
    for count, (number, topic, time_ns, body, crc) in enumerate(rows, 1):
        if is_message(number, topic, time_ns, body, crc):
            entries.append(Entry(number, topic, body))
            size += len(body)
        else:
            damaged.append(number)
        if count == limit or size > PIECE_BYTES:
            upto = number
            break
    rows.close()  # an open one would hold on to the log
    return Piece(entries, upto, damaged)
