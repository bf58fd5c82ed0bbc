"""A server that takes every connection and whatever is sent, and answers byte by byte, for ever."""

import socket
from contextlib import suppress
from threading import Event, Thread

DRIP_SECONDS = 0.2


class Dripping:
    """A context manager: no time-out between two bytes ends an exchange with it."""

    def __init__(self) -> None:
        """Listen."""
        self.connections = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ended = Event()

    @property
    def url(self) -> str:
        """Say where it is."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "Dripping":
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                self.connections += 1
                Thread(target=self._drip, args=(connection,), daemon=True).start()

    def _drip(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(1 << 20)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not self._ended.wait(DRIP_SECONDS):
                connection.sendall(b"x")
