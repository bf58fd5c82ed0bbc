"""A TCP port that the simulator serves, a thread each client; whoever stops it hangs up on everybody."""

import os
import threading
from contextlib import suppress
from socket import SHUT_RDWR, socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, ClassVar, Self
from weakref import WeakSet


class Listener(ThreadingTCPServer):
    """Bound when it is made; `served` is what its clients' handlers are to speak for."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 50

    def __init__(self, host: str, port: int, client: type[BaseRequestHandler], served: Any) -> None:
        """Bind; raises OSError that names the port."""
        self.served = served
        self._clients: WeakSet[socket] = WeakSet()
        try:
            super().__init__((host, port), client)
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}: {os.strerror(error.errno or 0)}") from error
        self.port: int = self.server_address[1]

    def __enter__(self) -> Self:
        """Serve from a thread of its own."""
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve nobody any more, and hang up."""
        self.shutdown()
        self.server_close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Note a connection."""
        self._clients.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """Hang up on everybody too, as a process that ends does."""
        super().server_close()
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(SHUT_RDWR)


class Listening:
    """What listens while it is entered; a `client` is who handles one connection, and speaks for it."""

    client: ClassVar[type[BaseRequestHandler]]

    def __init__(self, host: str, port: int) -> None:
        """Listen nowhere yet; port 0 is any."""
        self.host, self.port = host, port
        self._listener: Listener | None = None

    def __enter__(self) -> Self:
        """Listen; raises OSError that names the port."""
        self._listener = Listener(self.host, self.port, self.client, self).__enter__()
        self.port = self._listener.port
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        if self._listener:
            self._listener.__exit__()
