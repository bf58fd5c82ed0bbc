"""Tokens for the registry, as Docker's are: a JWT that names what may be pulled, or pushed, and until when.

Who gets a 401 for its token asks for another one. But who pushes: the engine is given one token for all that it pushes,
so that has to last, also over a restart of the server.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable
from typing import Any

import msgspec

GOOD_SECONDS = 600.0
PUSH_SECONDS = 4 * 3600.0  # as balena's


class Access(msgspec.Struct, frozen=True):
    """What may be done with a repository."""

    name: str
    type: str = "repository"
    actions: tuple[str, ...] = ("pull",)


class Claims(msgspec.Struct, frozen=True):
    """What a token says: the device (`sub`), the registry (`aud`), until when (`exp`, UTC seconds), and what for."""

    sub: str
    aud: str
    exp: float
    access: list[Access]


class Tokens:
    """Gives out tokens and reads them."""

    def __init__(self, secret: bytes) -> None:
        """Sign with a secret."""
        self._secret = secret

    def issue(
        self, subject: str, audience: str, repositories: Iterable[str], now: float, *, may_push: bool = False
    ) -> str:
        """Return a token that lets a device pull from these repositories, or a person push to them."""
        actions = ("pull", "push") if may_push else ("pull",)
        allowed = [Access(name, actions=actions) for name in repositories]
        claims = Claims(subject, audience, now + (PUSH_SECONDS if may_push else GOOD_SECONDS), allowed)
        signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def read(self, token: str, now: float) -> Claims | None:
        """Return what a token says, if it is ours and good now."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(self._sign(signed).encode(), signature.encode()):
            return None
        payload = signed.partition(".")[2]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)), type=Claims)
        return claims if now < claims.exp else None

    def _sign(self, text: str) -> str:
        return _base64(hmac.digest(self._secret, text.encode(), hashlib.sha256))


def _part(value: Any) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
