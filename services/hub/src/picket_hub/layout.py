"""The journal's file: its two tables, the checksum that tells a true row from a damaged one, and how it is opened."""

import sqlite3
import zlib
from pathlib import Path
from typing import Any

# A commit writes whole pages, and most commits are of one or two readings: small pages wear an SD card less.
PAGE_BYTES = 1024
CHECKPOINT_PAGES = 250  # with the largest commit less than the ballast: what waits in the log may need that space
WAL_BYTES = 2_000_000  # the log at its longest: up to a checkpoint, and the transaction that went past it

SCHEMA = (
    "CREATE TABLE messages (id INTEGER PRIMARY KEY, topic TEXT NOT NULL, time_ns INTEGER NOT NULL, "
    "priority INTEGER NOT NULL, body BLOB NOT NULL, crc INTEGER NOT NULL)",
    "CREATE INDEX kept_longer ON messages (priority) WHERE priority > 0",
    "CREATE TABLE marks (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, "
    "text TEXT NOT NULL, crc INTEGER NOT NULL)",
)

# All else is what the surroundings do to a sound file: no space, no permission, somebody's lock.
_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT}
_UNREADABLE = {sqlite3.SQLITE_IOERR_READ, 33 << 8 | sqlite3.SQLITE_IOERR}  # the latter: "corrupt file system"


def message_crc(number: int, topic: str, time_ns: int, body: bytes) -> int:
    """Return the checksum of a row of `messages`."""
    return zlib.crc32(body, zlib.crc32(f"{number} {time_ns} {topic}".encode()))


def mark_crc(kind: str, name: str, number: int, text: str) -> int:
    """Return the checksum of a row of `marks`."""
    return zlib.crc32(f"{kind}\0{name}\0{number}\0{text}".encode())


def is_message(number: Any, topic: Any, time_ns: Any, body: Any, crc: Any) -> bool:
    """Tell whether these are what was once written as a message."""
    typed = isinstance(topic, str) and isinstance(body, bytes)
    return typed and crc == message_crc(number, topic, time_ns, body)


def is_mark(kind: Any, name: Any, number: Any, text: Any, crc: Any) -> bool:
    """Tell whether these are what was once written as a mark."""
    return isinstance(number, int) and crc == mark_crc(kind, name, number, text)


def is_damage(error: sqlite3.Error) -> bool:
    """Tell a file that is broken from one that can't be reached or written just now."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return type(error) is sqlite3.DatabaseError  # said here, not by SQLite
    return code in _UNREADABLE or code & 0xFF in _DAMAGE


def open_file(file: Path | str) -> sqlite3.Connection:
    """Open or make a journal file, or ":memory:"; raises sqlite3.Error, also for a file that is not sound."""
    path, log = Path(file), Path(f"{file}-wal")
    if path.exists() and path.stat().st_size < PAGE_BYTES and (path.stat().st_size or log.exists()):
        raise sqlite3.DatabaseError("cut off before its first page")  # SQLite would begin anew, and delete the log
    db = sqlite3.connect(file, check_same_thread=False, timeout=5)
    db.text_factory = lambda raw: raw.decode(errors="replace")  # what is no text fails its checksum
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        # One process owns it. So no page of shared memory is written for each commit, and nobody else's long read
        # keeps the log from being begun anew.
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # acknowledged means that a power cut does not take it
        db.execute("PRAGMA secure_delete = OFF")  # some builds write zeros over all that is deleted
        db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        if not _schema(db):
            for statement in SCHEMA:
                db.execute(statement)
        if _schema(db) != SCHEMA:
            raise sqlite3.DatabaseError("its tables are not those of this release")
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except sqlite3.Error as error:
        db.close()
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:  # "unsupported file format"
            raise sqlite3.DatabaseError(str(error)) from error
        raise
    except UnicodeDecodeError as error:  # SQLite quotes the broken schema in what it says of it
        db.close()
        raise sqlite3.DatabaseError("malformed database schema") from error
    return db


def _schema(db: sqlite3.Connection) -> tuple[str, ...]:
    return tuple(statement for (statement,) in db.execute("SELECT sql FROM sqlite_schema ORDER BY rowid"))


def pragma(db: sqlite3.Connection, name: str) -> int:
    """Return one of SQLite's numbers."""
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
