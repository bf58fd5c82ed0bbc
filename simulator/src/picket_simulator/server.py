"""The simulator as a process: its I2C bus for `sim://` addresses, its control port, its serial ports.

The bus speaks the protocol drawn in picket.i2c. A client is a thread, and all of them share the one bus.
"""

import errno
import logging
import os
import struct
import threading
from contextlib import ExitStack, suppress
from io import BufferedIOBase
from socket import SHUT_RDWR, socket
from socketserver import BaseRequestHandler, StreamRequestHandler, ThreadingTCPServer
from typing import Any
from weakref import WeakSet

from picket.config import Config
from picket.i2c import READ
from picket_simulator import control
from picket_simulator.bus import Bus
from picket_simulator.hardware import Hardware

LOG = logging.getLogger(__name__)
HIGHEST_ADDRESS = 0x7F


class WireError(ValueError):
    """A client sent what is no transfer."""


class Server:
    """Everything a configuration asks to simulate, served until the context is left."""

    def __init__(self, config: Config) -> None:
        """Bind both ports; raises OSError that names the one that is taken."""
        self.hardware = Hardware(config)
        self._host = host = config.simulator.bind_address
        self._bus = _Listener(host, config.simulator.bus_port, _BusClient, self.hardware)
        try:
            self._control = _Listener(host, config.simulator.control_port, _ControlClient, self.hardware)
        except OSError:
            self._bus.server_close()
            raise
        self.bus_port: int = self._bus.server_address[1]
        self.control_port: int = self._control.server_address[1]
        self._open = ExitStack()

    def __enter__(self) -> "Server":
        """Start serving."""
        for port in self.hardware.serial_ports.values():
            self._open.enter_context(port)
        for listener in (self._bus, self._control):
            threading.Thread(target=listener.serve_forever, args=(0.05,), daemon=True).start()
            self._open.callback(listener.server_close)
            self._open.callback(listener.shutdown)
        LOG.info(
            "bus on %s:%s with %s", self._host, self.bus_port, ", ".join(map(hex, self.hardware.places)) or "no chips"
        )
        LOG.info("control on %s:%s", self._host, self.control_port)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving and unplug the serial sensors."""
        self._open.close()


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 50

    def __init__(self, host: str, port: int, client: type[BaseRequestHandler], hardware: Hardware) -> None:
        self.hardware = hardware
        self._clients: WeakSet[socket] = WeakSet()
        try:
            super().__init__((host, port), client)
        except OSError as error:
            raise OSError(error.errno, f"{host}:{port}: {os.strerror(error.errno or 0)}") from error

    def process_request(self, request: Any, client_address: Any) -> None:
        self._clients.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """Hang up on everybody too, as a process that ends does."""
        super().server_close()
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(SHUT_RDWR)


class _BusClient(StreamRequestHandler):
    disable_nagle_algorithm = True
    server: _Listener

    def handle(self) -> None:
        bus = self.server.hardware.bus
        try:
            while reply := _transfer(bus, self.rfile):
                self.wfile.write(reply)
        except (WireError, OSError) as error:
            LOG.warning("bus client %s:%s dropped: %s", *self.client_address, error)


class _ControlClient(StreamRequestHandler):
    server: _Listener

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.wfile.write(control.answer(self.server.hardware, line))
        except OSError as error:
            LOG.warning("control client %s:%s dropped: %s", *self.client_address, error)


def _transfer(bus: Bus, stream: BufferedIOBase) -> bytes:
    """Read a request, carry it out and return the reply; empty at the end of the stream. Raises WireError."""
    head = stream.read(2)
    if not head:
        return b""
    messages: list[tuple[int, int, bytes | int]] = []
    for _ in range(int.from_bytes(head + _exactly(stream, 2 - len(head)), "big")):
        address, flags, length = struct.unpack("!BBH", _exactly(stream, 4))
        if address > HIGHEST_ADDRESS or flags not in (0, READ):
            raise WireError(f"expected an address up to 0x7f and flags 0 or 1, got {address:#x} and {flags}")
        messages.append((address, flags, length if flags else _exactly(stream, length)))
    try:
        return b"\0" + bus.transfer(messages)
    except OSError as error:
        return bytes([error.errno or errno.EIO])


def _exactly(stream: BufferedIOBase, count: int) -> bytes:
    data = stream.read(count)
    if len(data) < count:
        raise WireError("it hung up within a transfer")
    return data
