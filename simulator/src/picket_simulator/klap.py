"""KLAP, by which Kasa plugs of newer firmware speak over HTTP: the plug's side of it.

POST /app/handshake1      local16               remote16, sha256(l r auth); cookie TP_SESSIONID=...;TIMEOUT=86400
POST /app/handshake2      sha256(r l auth)      200, or 403
POST /app/request?seq=N   sign32, ciphertext    the same, or 403: begin anew

auth        version 1  md5(md5(username) md5(password))     version 2  sha256(sha1(username) sha1(password))
handshakes  version 1  sha256(l auth), sha256(r auth)       version 2  as above
key         sha256("lsk" l r auth), its first 16 bytes
iv          sha256("iv" l r auth), its first 12 bytes, and the request's N (i32be; it begins with the last 4 bytes)
sign        sha256(s N ciphertext), s: the first 28 bytes of sha256("ldk" l r auth)
ciphertext  JSON, AES-128-CBC with PKCS7
"""

import hashlib
import json
import secrets
import struct
from collections.abc import Callable
from typing import Any, NamedTuple

SEED_BYTES, SIGN_BYTES = 16, 32
SESSIONS = 10  # the oldest makes room


class Reply(NamedTuple):
    """What goes back by HTTP."""

    status: int
    body: bytes = b""
    cookie: str = ""


class Session:
    """What two seeds and a password make; whoever knows all three may ask."""

    def __init__(self, local: bytes, remote: bytes, auth: bytes) -> None:
        """Derive the keys."""
        seeds = local + remote + auth
        self.local, self.remote, self.auth = local, remote, auth
        self.agreed = False
        self._key = _sha256(b"lsk" + seeds)[:16]
        self._iv = _sha256(b"iv" + seeds)[:12]
        self._sign = _sha256(b"ldk" + seeds)[:28]

    def open(self, number: bytes, sealed: bytes) -> bytes | None:
        """Return what was sealed; None when the signature is another's."""
        from cryptography.hazmat.primitives.padding import PKCS7

        sign, ciphertext = sealed[:SIGN_BYTES], sealed[SIGN_BYTES:]
        if sign != _sha256(self._sign + number + ciphertext):
            return None
        decryptor, unpadder = self._cipher(number).decryptor(), PKCS7(128).unpadder()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()

    def seal(self, number: bytes, text: bytes) -> bytes:
        """Encrypt and sign."""
        from cryptography.hazmat.primitives.padding import PKCS7

        encryptor, padder = self._cipher(number).encryptor(), PKCS7(128).padder()
        ciphertext: bytes = encryptor.update(padder.update(text) + padder.finalize()) + encryptor.finalize()
        return _sha256(self._sign + number + ciphertext) + ciphertext

    def _cipher(self, number: bytes) -> Any:
        # Imported here: it comes with python-kasa, and who has not the one needs not the other.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        return Cipher(algorithms.AES(self._key), modes.CBC(self._iv + number))


class Klap:
    """A plug's HTTP server, without the HTTP: paths and bodies in, replies out."""

    def __init__(self, version: int, username: str, password: str, answer: Callable[[Any], Any]) -> None:
        """Let in who knows the password; `answer` takes what was asked, as JSON's values."""
        self._version = version
        self.auth = auth(version, username, password)
        self._answer = answer
        self._sessions: dict[str, Session] = {}
        self.handshakes = 0

    def post(self, path: str, query: str, cookie: str, body: bytes) -> Reply:
        """Answer a request; `cookie` is the session's, "" without."""
        if path == "/app/handshake1" and len(body) == SEED_BYTES:
            return self._greet(body)
        session = self._sessions.get(cookie)
        if session is None:
            return Reply(403)
        local, remote = session.local, session.remote
        if path == "/app/handshake2":
            proof = remote + local if self._version == 2 else remote
            session.agreed = body == _sha256(proof + session.auth)
            return Reply(200 if session.agreed else 403)
        if path == "/app/request" and session.agreed:
            number = struct.pack(">i", int(query.removeprefix("seq=")))
            asked = session.open(number, body)
            if asked is not None:
                return Reply(200, session.seal(number, json.dumps(self._answer(json.loads(asked))).encode()))
        return Reply(403)

    def forget(self) -> None:
        """End all sessions, as a plug does that was pulled out."""
        self._sessions.clear()

    def _greet(self, local: bytes) -> Reply:
        self.handshakes += 1
        remote, name = secrets.token_bytes(SEED_BYTES), secrets.token_hex(16).upper()
        if len(self._sessions) >= SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[name] = Session(local, remote, self.auth)
        known = local + remote if self._version == 2 else local
        return Reply(200, remote + _sha256(known + self.auth), f"TP_SESSIONID={name};TIMEOUT=86400")


def auth(version: int, username: str, password: str) -> bytes:
    """Return what stands for an account."""
    if version == 2:
        return _sha256(hashlib.sha1(username.encode()).digest() + hashlib.sha1(password.encode()).digest())
    return hashlib.md5(hashlib.md5(username.encode()).digest() + hashlib.md5(password.encode()).digest()).digest()


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
