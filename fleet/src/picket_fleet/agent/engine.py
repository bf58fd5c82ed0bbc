"""Ask the container engine: Docker's HTTP API over its socket, a connection a request."""

import http.client
import json
import socket
from collections.abc import Iterable
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from picket_fleet.agent.errors import EngineError, EngineGoneError

ANSWER_SECONDS = 120.0
LOAD_SECONDS = 1800.0  # from the last byte to the answer, on a slow card


class Engine:
    """The engine at a socket; every method raises EngineError for a refusal, EngineGoneError for silence."""

    def __init__(self, path: str | Path) -> None:
        """Stand for the engine; nothing is asked yet."""
        self._path = str(path)

    def get(self, path: str, **query: Any) -> Any:
        """Return what is there."""
        return self._ask("GET", path, None, query)

    def post(self, path: str, body: Any = None, *, seconds: float = ANSWER_SECONDS, **query: Any) -> Any:
        """Make or do something."""
        return self._ask("POST", path, body, query, seconds)

    def delete(self, path: str, **query: Any) -> None:
        """Remove something; what is not there is removed."""
        try:
            self._ask("DELETE", path, None, query)
        except EngineError as error:
            if error.status != 404:
                raise

    def load(self, archive: Iterable[bytes]) -> None:
        """Load images from the pieces of an archive; what these raise goes through, and then nothing is loaded."""
        connection = _Connection(self._path, LOAD_SECONDS)
        headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
        try:
            # Where it hangs up early it may have said why.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", "/images/load?quiet=1", archive, headers, encode_chunked=True)
            response = connection.getresponse()
            said = response.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise EngineGoneError(f"the engine hung up while it loaded images ({type(error).__name__})") from None
        finally:
            connection.close()
        if response.status != 200 or '"error"' in said:
            raise EngineError(f"the engine did not load the images: {_reason(said)}", response.status)

    def stream(self, path: str, **query: Any) -> HTTPResponse:
        """Return an answer that goes on and on; closing it ends it."""
        return self._open("GET", path, None, query, None)[1]

    def _ask(self, method: str, path: str, body: Any, query: dict[str, Any], seconds: float = ANSWER_SECONDS) -> Any:
        connection, response = self._open(method, path, body, query, seconds)
        try:
            said = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineGoneError(f"the engine broke off ({type(error).__name__})") from None
        finally:
            connection.close()
        return json.loads(said) if said.strip() else None

    def _open(
        self, method: str, path: str, body: Any, query: dict[str, Any], seconds: float | None
    ) -> "tuple[_Connection, HTTPResponse]":
        connection = _Connection(self._path, seconds)
        data = json.dumps(body) if body is not None else None
        try:
            connection.request(
                method, f"{path}?{urlencode(query, doseq=True)}", data, {"Content-Type": "application/json"}
            )
            response = connection.getresponse()
            if response.status >= 400:
                said = response.read().decode(errors="replace")
                raise EngineError(f"{method} {path}: {_reason(said)}", response.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise EngineGoneError(f"the engine at {self._path} does not answer ({type(error).__name__})") from None
        except EngineError:
            connection.close()
            raise
        return connection, response


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float | None) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _reason(said: str) -> str:
    """Return what an answer says went wrong."""
    for line in said.splitlines():
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict) and (reason := answer.get("error") or answer.get("message")):
            return str(reason).strip()
    return said.strip()[:300] or "no reason given"
