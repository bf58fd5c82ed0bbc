"""The file: its tables, and transactions. Times are UTC seconds, digests and ids bare lower-case hex."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from picket_fleet.errors import FleetError

SCHEMA = """  -- version 1
CREATE TABLE fleet (                         -- one row
    id INTEGER PRIMARY KEY CHECK (id = 1), uuid TEXT NOT NULL, pinned_release INTEGER REFERENCES release);
CREATE TABLE service (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
CREATE TABLE release (
    id INTEGER PRIMARY KEY AUTOINCREMENT, commit_id TEXT NOT NULL UNIQUE, semver TEXT NOT NULL,
    revision INTEGER,                        -- NULL: a draft, or not built
    status TEXT NOT NULL CHECK (status IN ('running', 'success', 'failed', 'cancelled')),
    is_invalidated INTEGER NOT NULL DEFAULT 0, started_at REAL NOT NULL, ended_at REAL, note TEXT NOT NULL DEFAULT '',
    composition TEXT NOT NULL DEFAULT '{}',  -- JSON: the compose file, normalised, without `build`
    manifest BLOB, signature BLOB,           -- picket_fleet.releases.manifest; only of a successful one
    UNIQUE (semver, revision));
CREATE INDEX release_by_start ON release (started_at, id);
CREATE TABLE release_tag (
    release INTEGER NOT NULL REFERENCES release ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (release, name));
CREATE TABLE image (                         -- of one service in one release, as balena has it
    id INTEGER PRIMARY KEY AUTOINCREMENT, release INTEGER NOT NULL REFERENCES release ON DELETE CASCADE,
    service INTEGER NOT NULL REFERENCES service, location TEXT NOT NULL UNIQUE,  -- 32 hex
    image_id TEXT NOT NULL REFERENCES config, UNIQUE (release, service));
CREATE INDEX image_by_id ON image (image_id);
CREATE TABLE config (image_id TEXT PRIMARY KEY, config BLOB NOT NULL);
CREATE TABLE layer (
    image_id TEXT NOT NULL REFERENCES config ON DELETE CASCADE, diff_id TEXT NOT NULL,
    PRIMARY KEY (diff_id, image_id)) WITHOUT ROWID;
CREATE TABLE device (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE,
    key_digest TEXT NOT NULL UNIQUE,         -- sha256 of its key
    device_type TEXT NOT NULL, pinned_release INTEGER REFERENCES release, registered_at REAL NOT NULL,
    seen_at REAL, expected_at REAL,          -- its last contact, and by when the next one is due
    running TEXT NOT NULL DEFAULT '',        -- commit id of the release it runs, if it said so
    report TEXT NOT NULL DEFAULT '{}');      -- JSON: what it last said of itself, merged
CREATE TABLE device_tag (
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (device, name));
CREATE TABLE restart (                       -- asked for by a person; '' is all services
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE, service TEXT NOT NULL, serial INTEGER NOT NULL,
    PRIMARY KEY (device, service));
CREATE TABLE variable (                      -- of the fleet where device is NULL, of all services where service is ''
    device INTEGER REFERENCES device ON DELETE CASCADE, service TEXT NOT NULL, name TEXT NOT NULL,
    value TEXT NOT NULL);
CREATE UNIQUE INDEX variable_by_name ON variable (ifnull(device, 0), service, name);
CREATE TABLE token (                         -- sha256 of a provisioning key, or of a person's token
    digest TEXT PRIMARY KEY, kind TEXT NOT NULL CHECK (kind IN ('provisioning', 'person')), name TEXT NOT NULL UNIQUE,
    expires_at REAL,
    device_name TEXT,                        -- who joins with it is called so,
    replaces INTEGER REFERENCES device ON DELETE CASCADE);  -- or takes this one's place
CREATE TABLE log (
    id INTEGER PRIMARY KEY AUTOINCREMENT, device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
    time REAL NOT NULL, service TEXT NOT NULL, is_system INTEGER NOT NULL, is_error INTEGER NOT NULL,
    message TEXT NOT NULL);
CREATE INDEX log_of_device ON log (device, id);
"""
UPGRADES = (  # each takes a file to the next version; a new file goes through all of them
    """
CREATE TABLE stopped (                       -- services that a person has stopped on a device
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE, service TEXT NOT NULL, PRIMARY KEY (device, service));
CREATE TABLE identify (                      -- how often a device was to show which one it is
    device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE, serial INTEGER NOT NULL);
""",
    """
CREATE TABLE following (                     -- one row: how the fleet comes to follow a release
    id INTEGER PRIMARY KEY CHECK (id = 1),
    policy TEXT,                             -- JSON: picket_fleet.releases.policy; NULL: everybody at once
    settled_release INTEGER REFERENCES release);  -- the last one that was everybody's
INSERT INTO following (id) VALUES (1);
CREATE TABLE rollout (                       -- the last one counts
    id INTEGER PRIMARY KEY AUTOINCREMENT, release INTEGER NOT NULL REFERENCES release, state TEXT NOT NULL,  -- JSON
    began_at REAL NOT NULL, ended_at REAL,
    looked_at REAL NOT NULL);                -- when its devices were judged last
CREATE TABLE rollout_member (
    rollout INTEGER NOT NULL REFERENCES rollout ON DELETE CASCADE,
    device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE, state TEXT NOT NULL,  -- JSON
    PRIMARY KEY (rollout, device)) WITHOUT ROWID;
CREATE TABLE health_said (                   -- how often a device's picket_health was said, the same again included
    device INTEGER PRIMARY KEY REFERENCES device ON DELETE CASCADE, serial INTEGER NOT NULL);
CREATE TRIGGER health_is_said AFTER INSERT ON device_tag WHEN new.name = 'picket_health' BEGIN
    INSERT OR REPLACE INTO health_said SELECT new.device,
        1 + ifnull((SELECT serial FROM health_said WHERE device = new.device), 0); END;
CREATE TRIGGER health_is_changed AFTER UPDATE OF value ON device_tag WHEN new.name = 'picket_health' BEGIN
    INSERT OR REPLACE INTO health_said SELECT new.device,
        1 + ifnull((SELECT serial FROM health_said WHERE device = new.device), 0); END;
""",
    """
CREATE TABLE session (                       -- of a person at the page: sha256 of its cookie, and its end
    digest TEXT PRIMARY KEY, token TEXT NOT NULL REFERENCES token ON DELETE CASCADE, expires_at REAL NOT NULL);
""",
    """
CREATE TABLE deploy (                        -- a release that was built elsewhere, until all of it is here
    release INTEGER PRIMARY KEY REFERENCES release ON DELETE CASCADE, is_draft INTEGER NOT NULL, person TEXT NOT NULL);
CREATE TABLE deployed_image (                -- of which deploy it is, is said after it was begun
    id INTEGER PRIMARY KEY AUTOINCREMENT, deploy INTEGER REFERENCES deploy ON DELETE CASCADE, service TEXT NOT NULL,
    location TEXT NOT NULL UNIQUE, manifest TEXT NOT NULL DEFAULT '');  -- digest of what was pushed there
CREATE TABLE built (                         -- what builds have left in the engine
    image_id TEXT PRIMARY KEY, build INTEGER NOT NULL);  -- number of the last build that made or used it
""",
)
VERSION = 1 + len(UPGRADES)


class Database:
    """One connection, for one thread; rows are mappings by column name."""

    def __init__(self, file: Path, *, create: bool = False) -> None:
        """Open the file, bring it up to date, or (`create`) make it; raises FleetError for none, or a newer one."""
        if not create and not file.exists():
            raise FleetError(f"{file}: no fleet lives here ('fleet init' makes one)")
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=10)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA foreign_keys = ON")
        if create and self._version == 0:
            self._connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = 1; COMMIT;")
        if not 1 <= self._version <= VERSION:
            raise FleetError(f"{file}: version {self._version}, where {VERSION} is expected")
        while self._version < VERSION:
            self._upgrade()

    @contextmanager
    def soon(self) -> Iterator[None]:
        """As `transaction`, for what may be lost with the power: the disk is not waited for."""
        self._connection.execute("PRAGMA synchronous = NORMAL")
        try:
            with self.transaction():
                yield
        finally:
            self._connection.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Let all or nothing of what is done within happen; one within another is a part of it."""
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # a full disk may have ended it already
                self._connection.execute("ROLLBACK")
            raise

    def all(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Return the rows of a query."""
        return self._execute(statement, values).fetchall()

    def one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query, if there is one."""
        row: sqlite3.Row | None = self._execute(statement, values).fetchone()
        return row

    def many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Carry out a statement for each of many rows."""
        self._connection.executemany(statement, rows)

    def run(self, statement: str, *values: Any) -> int:
        """Carry out a statement; returns the id of the row that it inserted."""
        return self._execute(statement, values).lastrowid or 0

    def changes(self) -> int:
        """Return a number that is another one after somebody else has written."""
        number: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return number

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _execute(self, statement: str, values: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except OverflowError:
            raise FleetError("a number is too large for an id") from None
        except UnicodeEncodeError:
            raise FleetError("a text is no Unicode") from None

    @property
    def _version(self) -> int:
        version: int = self._connection.execute("PRAGMA user_version").fetchone()[0]
        return version

    def _upgrade(self) -> None:
        """Take the file one version on, unless another process has done so meanwhile."""
        with self.transaction():
            version = self._version
            if version < VERSION:
                for statement in _statements(UPGRADES[version - 1]):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {version + 1}")


def _statements(script: str) -> Iterator[str]:
    """Split a script; `executescript` would end the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
