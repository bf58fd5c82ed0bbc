"""Who is logged in at the page: a cookie that opens a session, of which only a digest is kept, in memory.

A session ends by itself, with its token, when its person logs out, and when the server is started anew.
"""

import hmac
from collections import deque
from dataclasses import dataclass

from picket_fleet.store import keys
from picket_fleet.store.database import Database
from picket_fleet.store.keys import Token, digest_of, new_key

SESSION_SECONDS = 12 * 3600.0
MOST_SESSIONS = 1000
TRIES = 5
TRY_SECONDS = 60.0
MOST_ADDRESSES = 1000


@dataclass(frozen=True)
class Session:
    """A person who is logged in; `csrf` is what every change has to come with."""

    person: str
    csrf: str
    token: str  # digest
    expires_at: float

    def comes_with(self, csrf: str) -> bool:
        """Tell whether a request was made by the page of this session."""
        return hmac.compare_digest(self.csrf.encode(), csrf.encode())


class Sessions:
    """All sessions by the digests of their cookies."""

    def __init__(self, database: Database) -> None:
        """Begin with none."""
        self._database = database
        self._sessions: dict[str, Session] = {}

    def begin(self, key: str, now: float) -> tuple[str, Session] | None:
        """Return a cookie's secret and its session for a person's token that is good, else None."""
        token = keys.find(self._database, keys.PERSON, key, now)
        if token is None:
            return None
        self._sessions = {digest: one for digest, one in self._sessions.items() if now < one.expires_at}
        while len(self._sessions) >= MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        secret = new_key()
        session = Session(token.name, new_key(), digest_of(key), now + SESSION_SECONDS)
        self._sessions[digest_of(secret)] = session
        return secret, session

    def find(self, secret: str, now: float) -> Session | None:
        """Return the session of a cookie, if it and its token are good now."""
        session = self._sessions.get(digest_of(secret)) if secret else None
        return session if session and now < session.expires_at and self._token(session, now) else None

    def end(self, secret: str) -> None:
        """Let a cookie open nothing any more."""
        self._sessions.pop(digest_of(secret), None)

    def _token(self, session: Session, now: float) -> Token | None:
        return keys.of_digest(self._database, keys.PERSON, session.token, now)


class Throttle:
    """Lets an address try some wrong tokens a minute."""

    def __init__(self) -> None:
        """Begin with no failures."""
        self._failed: dict[str, deque[float]] = {}

    def wait_seconds(self, address: str, now: float) -> float:
        """Return for how long an address has to wait, 0 where it may try."""
        failed = self._failed.get(address, deque())
        return max(0.0, failed[0] + TRY_SECONDS - now) if len(failed) == TRIES else 0.0

    def failed(self, address: str, now: float) -> None:
        """Note a wrong token; of very many addresses, those that failed longest ago are forgotten."""
        times = self._failed.pop(address, deque(maxlen=TRIES))
        times.append(now)
        self._failed[address] = times
        if len(self._failed) > MOST_ADDRESSES:
            del self._failed[next(iter(self._failed))]
