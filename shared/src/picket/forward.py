"""Hand log lines to the forwarder beside the service: RFC 5424 datagrams to its Unix socket, and never wait for it.

    <27>1 2026-03-01T06:30:00.125000Z demo hub 4711 - - journal: page 7 can't be read
     PRI version, time                host app  pid

The kernel holds but some ten datagrams. What it does not take waits here, in order, in a bounded backlog, and a thread
that lives as long as the backlog hands it on. When that is full, lines are dropped and counted, and how many is said
in their place as soon as the forwarder takes lines again.
"""

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from picket.backoff import Backoff

DAEMON = 3  # the facility
SEVERITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG = 7
LONGEST_APP_NAME = 48
LONGEST_DATAGRAM = 60_000  # bytes; the forwarder takes 64 KiB
BACKLOG_BYTES = 256_000
FIRST_WAIT_SECONDS = 0.01
LONGEST_WAIT_SECONDS = 1.0
FLUSH_SECONDS = 0.5

log = logging.getLogger("forward")


def time_of(record: logging.LogRecord) -> str:
    """Return a record's time as ISO 8601 with a Z."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


class Forward(logging.Handler):
    """Sends every record to a socket, or keeps it for later."""

    def __init__(self, path: Path, device: str, service: str, body: Callable[[logging.LogRecord], str]) -> None:
        """Send `body(record)` as said by a device's service; the socket need not be there yet."""
        super().__init__()
        self._path = str(path)
        self._sender = f"{device} {service[:LONGEST_APP_NAME]} {os.getpid()} - -"
        self._body = body
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0
        self._dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record if nothing waits before it and the kernel takes it, else keep it."""
        try:
            datagram = self._datagram(record)
            if self._backlog or not self._send(datagram):
                self._keep(datagram)
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        """Hand on what waits, as far as it is taken within a moment: called when the process ends."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while not self._hand_on() and time.monotonic() < deadline:
            time.sleep(FIRST_WAIT_SECONDS)

    def close(self) -> None:
        """Send no more."""
        self._socket.close()
        super().close()

    def _datagram(self, record: logging.LogRecord) -> bytes:
        severity = next((number for level, number in SEVERITIES if record.levelno >= level), DEBUG)
        head = f"<{8 * DAEMON + severity}>1 {time_of(record)} {self._sender}"
        datagram = f"{head} {self._body(record)}".encode()
        if len(datagram) <= LONGEST_DATAGRAM:
            return datagram
        return datagram[:LONGEST_DATAGRAM].decode(errors="ignore").encode() + b"..."

    def _send(self, datagram: bytes) -> bool:
        with suppress(OSError):  # full, or nobody there: one as good a reason to wait as the other
            self._socket.sendto(datagram, self._path)
            return True
        return False

    def _keep(self, datagram: bytes) -> None:
        if self._dropped or self._backlog_bytes + len(datagram) > BACKLOG_BYTES:
            self._dropped += 1
            return
        self._backlog.append(datagram)
        self._backlog_bytes += len(datagram)
        if len(self._backlog) == 1:
            threading.Thread(target=self._hand_on_all, name="forward", daemon=True).start()

    def _hand_on_all(self) -> None:
        backoff = Backoff(FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
        waiting = 0
        while True:
            self.acquire()
            try:
                if self._hand_on():
                    self._say_what_was_dropped()
                    return
                if len(self._backlog) < waiting:
                    backoff.reset()
                waiting = len(self._backlog)
            finally:
                self.release()
            time.sleep(backoff.next_seconds())

    def _hand_on(self) -> bool:
        """Send what waits; tell whether nothing is left."""
        while self._backlog and self._send(self._backlog[0]):
            self._backlog_bytes -= len(self._backlog.popleft())
        return not self._backlog

    def _say_what_was_dropped(self) -> None:
        dropped, self._dropped = self._dropped, 0
        if dropped:
            log.warning("%d lines before this one were dropped: the forwarder took none for too long", dropped)
