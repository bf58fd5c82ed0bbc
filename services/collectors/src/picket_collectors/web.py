"""Ask a web server for a document: limits, redirects, TLS, and errors that tell nothing of what is sent.

It imports HTTP and TLS (1.4 MB), so it is imported only by who asks.
"""

import http.client
import io
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from picket_collectors.source import Site, SourceError
from picket_collectors.web_address import ADDRESS, shown

REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 3
MAX_ANSWER_BYTES = 1_000_000
CHUNK_BYTES = 65_536


class Answer(NamedTuple):
    """What a server answered, in full; the headers' names are in lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes


Left = Callable[[], float]  # seconds; raises TimeoutError when there are none


class Timed(io.RawIOBase):
    """What comes by a socket: each read waits no longer than what is left, however little comes at a time."""

    def __init__(self, connected: socket.socket, left: Left) -> None:
        """Read nothing yet."""
        self._socket, self._left = connected, left
        self._raw = connected.makefile("rb", buffering=0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file that HTTP reads, as a socket does."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Return how much came."""
        self._socket.settimeout(self._left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let go of the socket."""
        self._raw.close()
        super().close()


class Web:
    """Asks with the same headers every time, a connection each."""

    def __init__(self, site: Site, ours: Mapping[str, str], timeout_seconds: float, ca_file: str = "") -> None:
        """Trust the system's authorities, or `ca_file`; raises SourceError for one that can't be read."""
        self._site = site
        self._ours = ours
        self._timeout = timeout_seconds
        try:
            self._trust = ssl.create_default_context(cafile=ca_file) if ca_file else None
        except OSError as error:
            raise SourceError(f"ca_file {ca_file} can't be read: {error.strerror or error}") from error

    def get(self, url: str, validators: Mapping[str, str]) -> Answer:
        """Return what the server answers, or the one that it redirects to; raises SourceError.

        What is ours is not taken to another host or port, nor from TLS to none. All of it together has the timeout,
        but for the resolver, which keeps a time of its own.
        """
        until = self._site.clock() + self._timeout

        def left() -> float:
            self._site.pause(0)
            if (seconds := until - self._site.clock()) <= 0:
                raise TimeoutError
            return seconds

        at = url
        for _ in range(1 + MAX_REDIRECTS):
            with self._naming_errors(at):
                answer = self._ask(at, {**self._ours, **validators}, left)
            if answer.status not in REDIRECTS:
                return answer
            at = self._redirected(at, answer.headers.get("location", ""))
        raise SourceError(f"{shown(url)}: redirects more than {MAX_REDIRECTS} times")

    def _ask(self, url: str, sent: Mapping[str, str], left: Left) -> Answer:
        parts = urlsplit(url)
        with closing(self._connection(parts.scheme, parts.netloc)) as connection:
            self._dial(connection, left)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            headers = {"Accept": "application/json", "User-Agent": "picket", **sent}
            connection.request("GET", target, headers={name: text.encode() for name, text in headers.items()})
            with http.client.HTTPResponse(Timed(connection.sock, left), method="GET") as response:  # type: ignore[arg-type]
                response.begin()
                body = b""
                while chunk := response.read1(CHUNK_BYTES):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise SourceError(f"{shown(url)}: an answer of more than {MAX_ANSWER_BYTES} bytes")
                if response.length:
                    raise http.client.IncompleteRead(body, response.length)
        return Answer(response.status, response.reason, {k.lower(): text for k, text in response.getheaders()}, body)

    def _connection(self, scheme: str, place: str) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(place)
        self._trust = self._trust or ssl.create_default_context()  # 1 MB, and reading it takes its time
        return http.client.HTTPSConnection(place, context=self._trust)

    def _dial(self, connection: http.client.HTTPConnection, left: Left) -> None:
        connection.sock = socket.create_connection((connection.host, connection.port), left())
        if isinstance(connection, http.client.HTTPSConnection):
            assert self._trust
            connection.sock.settimeout(left())
            connection.sock = self._trust.wrap_socket(connection.sock, server_hostname=connection.host)

    def _redirected(self, url: str, location: str) -> str:
        try:
            there = urljoin(url, location) if location else ""
        except ValueError:
            there = ""
        if not re.match(ADDRESS, there):
            raise SourceError(f"{shown(url)}: redirects to no address")
        here, to = urlsplit(url), urlsplit(there)
        if self._ours and (here.netloc.lower() != to.netloc.lower() or (here.scheme, to.scheme) == ("https", "http")):
            where = f"{to.scheme}://{to.netloc}"
            raise SourceError(f"{shown(url)}: redirects to {where}, which must not get what is sent here")
        return there

    @contextmanager
    def _naming_errors(self, url: str) -> Iterator[None]:
        try:
            yield
        except SourceError:
            raise
        except TimeoutError:
            text = f"no whole answer within {self._timeout:g} s"
        except ssl.SSLCertVerificationError as error:
            text = f"its certificate is not trusted: {error.verify_message}"
        except (OSError, UnicodeError) as error:  # the latter for a host that can't be one
            text = getattr(error, "strerror", "") or type(error).__name__
        except http.client.IncompleteRead:
            text = "hung up within its answer"
        except http.client.HTTPException as error:
            text = f"no HTTP ({type(error).__name__})"
        else:
            return
        raise SourceError(f"{shown(url)}: {text}")
