"""Ask the fleet's server, which is known by its certificate's fingerprint alone: a wrong clock does no harm.

A connection is kept for the next request, and belongs to one thread.
"""

import base64
import hashlib
import http.client
import ssl
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from picket_fleet.agent.device import Device
from picket_fleet.agent.errors import ServerError, ServerGoneError, SpaceError
from picket_fleet.deltas.codec import dcz, decompress
from picket_fleet.errors import DeltaError

ANSWER_SECONDS = 30.0
MAKING_SECONDS = 70.0  # that the server may take for a delta
MOST_BYTES = 16 << 20
PIECE = 1 << 18
TARGET = "application/vnd.picket.state+json"

Space = Callable[[int], None]
Went = Callable[[int, int], None]


class Answer(msgspec.Struct, frozen=True):
    """A target state, and by what it is known."""

    etag: str
    body: bytes


class Server:
    """The server of a device; every method raises ServerGoneError for silence and ServerError for a refusal."""

    def __init__(self, device: Device) -> None:
        """Stand for the server; nothing is asked yet."""
        self._device = device
        self._connection: _Pinned | None = None
        self._last = b""  # the last target, against which the next one is compressed
        self._reported = b""  # the last report, likewise

    def target(self, running: str, etag: str, wait_seconds: float) -> Answer | None:
        """Return the target state as soon as it is another than `etag`; None if it is not in that time."""
        headers = {
            "Accept": TARGET,
            "Accept-Encoding": "dcz, zstd",
            "Picket-Release": running,
            "Picket-Wait": f"{wait_seconds:.0f}",
        }
        if etag:
            headers["If-None-Match"] = etag
        if self._last:
            digest = base64.b64encode(hashlib.sha256(self._last).digest()).decode()
            headers["Available-Dictionary"] = f":{digest}:"
        path = f"/device/v3/{self._device.uuid}/state"
        response = self._ask("GET", path, None, headers, ANSWER_SECONDS + wait_seconds + MAKING_SECONDS)
        body = self._body(response)
        if response.status == 304:
            return None
        self._last = _decoded(response.headers.get("Content-Encoding", ""), body, self._last)
        return Answer(response.headers.get("ETag", ""), self._last)

    def report(self, patch: bytes) -> None:
        """Say what there is on this device."""
        headers = {"Content-Type": "application/json", "Content-Encoding": "dcz"}
        try:
            self._body(self._ask("PATCH", "/device/v3/state", dcz(patch, self._reported), headers))
        except ServerError as error:
            if error.status != 415:
                raise
            self._body(self._ask("PATCH", "/device/v3/state", dcz(patch, b""), headers))  # it has forgotten that one
        self._reported = patch

    def tag(self, name: str, value: str) -> None:
        """Set a tag of this device."""
        body = msgspec.json.encode({"tag_key": name, "value": value})
        self._body(self._ask("POST", "/v7/device_tag", body, {"Content-Type": "application/json"}))

    def register(self, joining: bytes) -> bytes:
        """Join the fleet, where the key is a provisioning key; returns the answer."""
        return self._body(self._ask("POST", "/device/register", joining, {"Content-Type": "application/json"}))

    def config(self, image: str) -> bytes:
        """Return an image's config."""
        return self._body(self._ask("GET", f"/config/{image}"))

    def download(self, path: str, file: Path, check_space: Space, went: Went, cancelled: Callable[[], None]) -> None:
        """Download to a file, from where an earlier try broke off; `check_space` is told what is still to come."""
        part = file.with_name(f"{file.name}.part")
        have = part.stat().st_size if part.exists() else 0
        try:
            response = self._ask("GET", path, None, {"Range": f"bytes={have}-"} if have else {})
        except ServerError as error:
            if error.status != 416:
                raise
            part.unlink(missing_ok=True)  # more than there is: another file, or the end was not noticed
            have, response = 0, self._ask("GET", path)
        if have and response.headers.get("Content-Range", "").split("/")[0] != f"bytes {have}-{_last(response, have)}":
            have = 0
        rest = int(response.headers.get("Content-Length") or 0)
        try:
            check_space(rest)
            with part.open("r+b" if have else "wb") as out:
                out.seek(have)
                self._receive(response, out.write, rest, lambda count: went(have + count, have + rest), cancelled)
        except BaseException:
            self.close()
            raise
        part.replace(file)

    def send_logs(self, pieces: Iterator[bytes]) -> None:
        """Send compressed lines for as long as there are any."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip", "Transfer-Encoding": "chunked"}
        try:
            self._body(self._ask("POST", f"/device/v2/{self._device.uuid}/log-stream", pieces, headers))
        finally:
            self.close()

    def close(self) -> None:
        """Drop the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def _receive(
        self,
        response: HTTPResponse,
        write: Callable[[bytes], object],
        length: int,
        went: Callable[[int], None],
        cancelled: Callable[[], None],
    ) -> None:
        got = 0
        while got < length:
            cancelled()
            try:
                piece = response.read(min(PIECE, length - got))
            except (OSError, http.client.HTTPException) as error:
                raise ServerGoneError(f"the download broke off ({type(error).__name__})") from None
            if not piece:
                raise ServerGoneError("the download broke off")
            try:
                write(piece)
            except OSError as error:
                raise SpaceError(f"a download can't be kept: {error.strerror}") from None
            got += len(piece)
            went(got)

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] | None = None,
        headers: dict[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> HTTPResponse:
        """Ask, once more where a kept connection turns out to be closed; the answer's body is still to be read."""
        everything = {"Authorization": f"Bearer {self._device.key}", "Accept-Encoding": "identity", **(headers or {})}
        while True:
            is_kept = self._connection is not None
            connection = self._connection = self._connection or self._connect()
            try:
                connection.set_timeout(seconds)
                connection.request(method, path, body, everything, encode_chunked=isinstance(body, Iterator))
                response = connection.getresponse()
                break
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if not is_kept or isinstance(body, Iterator) or isinstance(error, TimeoutError):
                    raise ServerGoneError(f"{self._device.server} does not answer ({type(error).__name__})") from None
        if response.status >= 400:
            said = self._body(response)[:300].decode(errors="replace").strip()
            raise ServerError(f"the server says {response.status} to {path.split('?')[0]}: {said}", response.status)
        return response

    def _connect(self) -> "_Pinned":
        address = urlsplit(self._device.server)
        return _Pinned(address.hostname or "", address.port or 443, self._device.fingerprint)

    def _body(self, response: HTTPResponse) -> bytes:
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise ServerGoneError(f"the answer broke off ({type(error).__name__})") from None


class _Pinned(http.client.HTTPSConnection):
    """A TLS connection to whoever has the certificate with a fingerprint."""

    def __init__(self, host: str, port: int, fingerprint: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the fingerprint says more
        super().__init__(host, port, timeout=ANSWER_SECONDS, context=context)
        self._fingerprint = fingerprint.replace(":", "").lower()

    def connect(self) -> None:
        super().connect()
        certificate = self.sock.getpeercert(binary_form=True)
        if hashlib.sha256(certificate or b"").hexdigest() != self._fingerprint:
            self.close()
            raise ssl.SSLCertVerificationError("not the certificate that this device joined with")

    def set_timeout(self, seconds: float) -> None:
        self.timeout = seconds
        if self.sock:
            self.sock.settimeout(seconds)


def _decoded(encoding: str, body: bytes, dictionary: bytes) -> bytes:
    """Take an answer's compression off: zstd, or zstd against the last answer (RFC 9842)."""
    try:
        if encoding == "dcz":
            if body[8:40] != hashlib.sha256(dictionary).digest():
                raise DeltaError("against another answer")
            return decompress(body[40:], dictionary, MOST_BYTES)
        return decompress(body, b"", MOST_BYTES) if encoding == "zstd" else body
    except DeltaError as error:
        raise ServerGoneError(f"the server's answer can't be read: {error}") from None


def _last(response: HTTPResponse, first: int) -> int:
    return first + int(response.headers.get("Content-Length") or 0) - 1
