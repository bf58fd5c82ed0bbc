"""Keys and tokens: a secret is shown once, and only its sha256 is kept."""

import hashlib
import secrets

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.store.database import Database

PROVISIONING = "provisioning"  # lets a machine join the fleet
PERSON = "person"  # lets a person push


class Token(msgspec.Struct, frozen=True):
    """A token that was given out; who joins with a PROVISIONING one gets its name, or takes a device's (id) place."""

    kind: str
    name: str
    expires_at: float | None
    device_name: str | None = None
    replaces: int | None = None


COLUMNS = ", ".join(Token.__struct_fields__)


def new_key() -> str:
    """Return a new secret: 32 hex digits."""
    return secrets.token_hex(16)


def digest_of(key: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()  # a header may be no text


def give_out(
    database: Database,
    kind: str,
    name: str,
    expires_at: float | None = None,
    *,
    device_name: str | None = None,
    replaces: int | None = None,
) -> str:
    """Return a new token (PROVISIONING or PERSON) of that name; raises FleetError when the name is taken."""
    if database.one("SELECT 1 FROM token WHERE name = ?", name):
        raise FleetError(f"there is a token named {name!r} already")
    key = new_key()
    database.run(
        f"INSERT INTO token (digest, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        *(digest_of(key), kind, name, expires_at, device_name, replaces),
    )
    return key


def holder(database: Database, kind: str, key: str, now: float) -> str | None:
    """Return the name of a token of that kind that is good now, else None."""
    token = find(database, kind, key, now)
    return token.name if token else None


def find(database: Database, kind: str, key: str, now: float) -> Token | None:
    """Return a token of that kind that is good now, else None."""
    return of_digest(database, kind, digest_of(key), now)


def of_digest(database: Database, kind: str, digest: str, now: float) -> Token | None:
    """Return a token of that kind and digest that is good now, else None."""
    row = database.one(
        f"SELECT {COLUMNS} FROM token WHERE digest = ? AND kind = ? AND ifnull(expires_at > ?, TRUE)",
        *(digest, kind, now),
    )
    return Token(**row) if row else None


def revoke(database: Database, name: str) -> None:
    """Let a token open nothing any more; raises FleetError when there is none of that name."""
    if not database.all("DELETE FROM token WHERE name = ? RETURNING name", name):
        raise FleetError(f"there is no token named {name!r}")


def everyone(database: Database) -> list[Token]:
    """Return all tokens by name."""
    return [Token(**row) for row in database.all(f"SELECT {COLUMNS} FROM token ORDER BY name")]
