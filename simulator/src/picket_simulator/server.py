"""The simulator as a process: its I2C bus for `sim://` addresses, its control port, serial ports and appliances.

The bus speaks the protocol drawn in picket.i2c. A client is a thread, and all of them share the one bus.
"""

import errno
import logging
import struct
from contextlib import ExitStack
from io import BufferedIOBase
from socketserver import StreamRequestHandler

from picket.config import Config
from picket.i2c import READ
from picket_simulator import control
from picket_simulator.bus import Bus
from picket_simulator.hardware import Hardware
from picket_simulator.listener import Listener

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
        self._bus = Listener(host, config.simulator.bus_port, _BusClient, self.hardware)
        try:
            self._control = Listener(host, config.simulator.control_port, _ControlClient, self.hardware)
        except OSError:
            self._bus.server_close()
            raise
        self.bus_port = self._bus.port
        self.control_port = self._control.port
        self._open = ExitStack()

    def __enter__(self) -> "Server":
        """Start serving."""
        with ExitStack() as opened:
            for port in self.hardware.serial_ports.values():
                opened.enter_context(port)
            for appliance in self.hardware.appliances:
                opened.enter_context(appliance)
            self._open = opened.pop_all()
        for listener in (self._bus, self._control):
            self._open.enter_context(listener)
        LOG.info(
            "bus on %s:%s with %s", self._host, self.bus_port, ", ".join(map(hex, self.hardware.places)) or "no chips"
        )
        LOG.info("control on %s:%s", self._host, self.control_port)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop serving, unplug the serial sensors and switch off the appliances."""
        self._open.close()


class _BusClient(StreamRequestHandler):
    disable_nagle_algorithm = True
    server: Listener

    def handle(self) -> None:
        bus = self.server.served.bus
        try:
            while reply := _transfer(bus, self.rfile):
                self.wfile.write(reply)
        except (WireError, OSError) as error:
            LOG.warning("bus client %s:%s dropped: %s", *self.client_address, error)


class _ControlClient(StreamRequestHandler):
    server: Listener

    def handle(self) -> None:
        try:
            for line in self.rfile:
                self.wfile.write(control.answer(self.server.served, line))
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
