"""Who is logged in at the page: a cookie that opens a session, of which only the sha256 is kept.

A session ends by itself, with its token, and when its person logs out. What changes of it have to come with (CSRF) is
made of the cookie: only the page is told it, after a restart of the server the same, and it is kept nowhere.
"""

import hmac
from dataclasses import dataclass

from picket_fleet.store import keys
from picket_fleet.store.database import Database
from picket_fleet.store.keys import digest_of, new_key

SESSION_SECONDS = 12 * 3600.0
MOST = 1000


@dataclass(frozen=True)
class Session:
    """A person who is logged in; `csrf` is what every change has to come with."""

    person: str
    csrf: str

    def comes_with(self, csrf: str) -> bool:
        """Tell whether a request was made by the page of this session."""
        return hmac.compare_digest(digest_of(self.csrf), digest_of(csrf))


def begin(database: Database, key: str, now: float) -> tuple[str, Session] | None:
    """Return a cookie's secret and its session for a person's token that is good, else None."""
    token = keys.find(database, keys.PERSON, key, now)
    if token is None:
        return None
    secret = new_key()
    with database.transaction():
        database.run("INSERT INTO session VALUES (?, ?, ?)", digest_of(secret), digest_of(key), now + SESSION_SECONDS)
        database.run(
            "DELETE FROM session WHERE expires_at <= ? OR rowid IN "
            "(SELECT rowid FROM session ORDER BY rowid DESC LIMIT -1 OFFSET ?)",
            *(now, MOST),
        )
    return secret, Session(token.name, _csrf(secret))


def find(database: Database, secret: str, now: float) -> Session | None:
    """Return the session of a cookie, if it and its token are good now."""
    row = database.one("SELECT token FROM session WHERE digest = ? AND expires_at > ?", digest_of(secret), now)
    token = keys.of_digest(database, keys.PERSON, row["token"], now) if row else None
    return Session(token.name, _csrf(secret)) if token else None


def end(database: Database, secret: str) -> None:
    """Let a cookie open nothing any more."""
    database.run("DELETE FROM session WHERE digest = ?", digest_of(secret))


def _csrf(secret: str) -> str:
    return digest_of(f"csrf {secret}")
