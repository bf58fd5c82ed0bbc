"""Take over into a new file what can be read of a broken one."""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import islice

from picket.bus.priority import priority
from picket_hub.layout import message_crc
from picket_hub.marks import Marks
from picket_hub.rescue import Message, Remains

CHUNK_ROWS = 500


def take_marks(remains: Remains, db: sqlite3.Connection) -> None:
    """Copy the greatest of every mark; raises sqlite3.Error."""
    marks = Marks(db)
    with db:
        for mark in remains.survey().values():
            marks.put(*mark)


def take_messages(
    remains: Remains, db: sqlite3.Connection, gone: Callable[[int, int], bool], make_room: Callable[[], None]
) -> None:
    """Copy every true message with its id, but for what had been dropped; raises sqlite3.Error."""
    messages = (message for message in remains.messages() if not gone(priority(message.topic), message.id))
    while chunk := list(islice(messages, CHUNK_ROWS)):
        with db:
            db.executemany("INSERT OR IGNORE INTO messages VALUES (?, ?, ?, ?, ?, ?)", _rows(chunk))
        make_room()


def _rows(chunk: list[Message]) -> Iterator[tuple[int, str, int, int, bytes, int]]:
    for message in chunk:
        number, topic, time_ns, body = message
        yield number, topic, time_ns, priority(topic), body, message_crc(*message)
