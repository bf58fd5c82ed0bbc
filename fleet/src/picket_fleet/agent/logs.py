"""Forward what services say, and what the agent says of itself, to the server: as much as fits, in order.

A line: {"message", "timestamp": UTC ms, "serviceId" or "isSystem": true, "isStdErr"?: true}, in one long gzipped
request. What does not fit while the server is away is dropped, oldest first, and counted.

The engine's stream, where there is no terminal:    stream (1 out, 2 err) · 0 0 0 · length 4 · bytes
"""

import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from typing import Any

from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import AgentError
from picket_fleet.agent.server import Server

PENDING_BYTES = 256 << 10
LINE_CHARACTERS = 10_000
IDLE_SECONDS = 60.0
LAST_RETRY_SECONDS = 60.0
STANDARD_ERROR = 2


class Pending:
    """Lines that wait to be sent, at most PENDING_BYTES of them."""

    def __init__(self) -> None:
        """Begin empty."""
        self._lines: deque[bytes] = deque()
        self._bytes = self._dropped = 0
        self._changed = threading.Condition()
        self._is_over = False

    def add(self, line: dict[str, Any]) -> None:
        """Add a line; older ones make room for it."""
        data = json.dumps(line, ensure_ascii=False).encode(errors="replace") + b"\n"
        with self._changed:
            self._lines.append(data)
            self._bytes += len(data)
            while self._bytes > PENDING_BYTES:
                self._bytes -= len(self._lines.popleft())
                self._dropped += 1
            self._changed.notify()

    def take(self, seconds: float) -> bytes:
        """Return the lines there are, waiting for one; nothing when none comes."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._is_over, seconds)
            lines = b"".join(self._lines)
            if self._dropped:
                said = {"message": f"Suppressed {self._dropped} message(s)", "isSystem": True}
                lines = json.dumps({**said, "timestamp": _now()}).encode() + b"\n" + lines
            self._lines.clear()
            self._bytes = self._dropped = 0
            return lines

    def put_back(self, lines: bytes) -> None:
        """Have lines sent again, before the others."""
        with self._changed:
            self._lines.extendleft(reversed(lines.splitlines(keepends=True)))
            self._bytes += len(lines)

    def end(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    @property
    def is_over(self) -> bool:
        """Tell whether no more lines come."""
        return self._is_over


class Sender:
    """A thread that sends pending lines."""

    def __init__(self, server: Server, pending: Pending) -> None:
        """Keep a connection of its own."""
        self._server, self._pending = server, pending
        self._sent = b""

    def run(self) -> None:
        """Send until no more lines come."""
        retry = 1.0
        while not self._pending.is_over:
            first = self._pending.take(IDLE_SECONDS)
            if not first:
                continue
            self._sent = b""
            try:
                self._server.send_logs(self._pieces(first))
                retry = 1.0
            except AgentError:
                self._pending.put_back(self._sent)
                threading.Event().wait(retry)
                retry = min(2 * retry, LAST_RETRY_SECONDS)

    def _pieces(self, lines: bytes) -> Iterator[bytes]:
        compress = zlib.compressobj(wbits=31, level=6)
        while lines:
            self._sent = lines  # a piece that fails to go out is sent again; one on its way may be lost
            yield compress.compress(lines) + compress.flush(zlib.Z_SYNC_FLUSH)
            lines = self._pending.take(IDLE_SECONDS)
        self._sent = b""
        yield compress.flush()


class Followers:
    """A thread for each container that runs, which reads what it says from now on."""

    def __init__(self, engine: Engine, pending: Pending) -> None:
        """Follow none yet."""
        self._engine, self._pending = engine, pending
        self._followed: set[str] = set()
        self._began = time.time()
        self._ended: dict[str, float] = {}  # when a container was last heard

    def follow(self, containers: list[tuple[str, int, bool]]) -> None:
        """Follow these containers (id, service id, has a terminal) unless they are followed."""
        for container, service, has_terminal in containers:
            if container not in self._followed:
                self._followed.add(container)
                arguments = (container, service, has_terminal)
                threading.Thread(target=self._run, args=arguments, daemon=True, name=f"log {container[:6]}").start()

    def _run(self, container: str, service: int, has_terminal: bool) -> None:
        """Read until the container stops, or the engine does."""
        since = self._ended.get(container, self._began)
        try:
            query = {"follow": 1, "stdout": 1, "stderr": 1, "since": f"{since:.3f}", "tail": 100}
            with suppress(AgentError, OSError, HTTPException, ValueError):
                response = self._engine.stream(f"/containers/{container}/logs", **query)
                for stream, line in lines_of(response, has_terminal):
                    self._say(service, stream, line)
        finally:
            self._ended[container] = time.time()
            self._followed.discard(container)

    def _say(self, service: int, stream: int, line: bytes) -> None:
        message = line.rstrip(b"\r\n").decode(errors="replace")[:LINE_CHARACTERS]
        said: dict[str, Any] = {"message": message, "timestamp": _now(), "serviceId": service}
        self._pending.add({**said, "isStdErr": True} if stream == STANDARD_ERROR else said)


def lines_of(response: HTTPResponse, has_terminal: bool) -> Iterator[tuple[int, bytes]]:
    """Yield the stream and the text of each line that the engine sends."""
    rests: dict[int, bytes] = {}
    while True:
        if has_terminal:
            stream, data = 1, response.read1(1 << 14)
        else:
            header = response.read(8)
            stream, data = (
                (header[0], response.read(int.from_bytes(header[4:8], "big"))) if len(header) == 8 else (0, b"")
            )
        if not data:
            yield from ((stream, rest) for stream, rest in rests.items() if rest)
            return
        *lines, rest = (rests.pop(stream, b"") + data).split(b"\n")
        rests[stream] = rest if len(rest) < 4 * LINE_CHARACTERS else b""
        yield from ((stream, line) for line in lines if line.strip())


def system(message: str) -> dict[str, Any]:
    """Return a line of the agent's own."""
    return {"message": message, "isSystem": True, "timestamp": _now()}


def _now() -> int:
    return round(time.time() * 1000)
