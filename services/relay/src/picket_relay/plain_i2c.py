"""Plain writes and reads on an I2C bus, in the little memory of the watcher: no ctypes, no smbus2.

It has the four methods that the MCP23017's driver uses; between the register's number and a read the bus is let go of,
which the chip does not mind while nobody else talks to it. `picket.i2c` has the simulator's wire format.
"""

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

I2C_SLAVE = 0x0703
READ = 1
DIAL_SECONDS = 0.5


class PlainI2c:
    """A bus, opened at each transfer that finds it closed; a failed transfer raises OSError."""

    def __init__(self, address: str) -> None:
        """Stand for "/dev/i2c-1" or "sim://127.0.0.1:7701"; nothing is opened yet."""
        self._address = address
        self._device: int | None = None
        self._simulator: socket.socket | None = None

    def write_byte_data(self, address: int, register: int, value: int, /) -> None:
        """Write one register."""
        self._write(address, bytes([register, value]))

    def write_i2c_block_data(self, address: int, register: int, data: Sequence[int], /) -> None:
        """Write registers from `register` on."""
        self._write(address, bytes([register, *data]))

    def read_byte_data(self, address: int, register: int, /) -> int:
        """Read one register."""
        return self._read(address, register, 1)[0]

    def read_i2c_block_data(self, address: int, register: int, length: int, /) -> list[int]:
        """Read registers from `register` on."""
        return list(self._read(address, register, length))

    def close(self) -> None:
        """Let go of the bus."""
        with suppress(OSError):
            if self._simulator:
                self._simulator.close()
            if self._device is not None:
                os.close(self._device)
        self._device = self._simulator = None

    def _write(self, address: int, data: bytes) -> None:
        if self._address.startswith("sim://"):
            self._ask(struct.pack("!HBBH", 1, address, 0, len(data)) + data, 0)
        else:
            os.write(self._chosen(address), data)

    def _read(self, address: int, register: int, count: int) -> bytes:
        if self._address.startswith("sim://"):
            return self._ask(struct.pack("!HBBHBBBH", 2, address, 0, 1, register, address, READ, count), count)
        device = self._chosen(address)
        os.write(device, bytes([register]))
        return os.read(device, count)

    def _chosen(self, address: int) -> int:
        if self._device is None:
            self._device = os.open(self._address, os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(self._device, I2C_SLAVE, address)
        return self._device

    def _ask(self, request: bytes, count: int) -> bytes:
        try:
            if not self._simulator:
                host, _, port = self._address.removeprefix("sim://").rpartition(":")
                self._simulator = socket.create_connection((host, int(port)), timeout=DIAL_SECONDS)
            self._simulator.sendall(request)
            status = self._receive(self._simulator, 1)[0]
            if status == 0:
                return self._receive(self._simulator, count)
        except (OSError, ValueError) as error:
            self.close()
            raise OSError(errno.ENXIO, f"the simulator's bus is away: {error}") from error
        raise OSError(status, os.strerror(status))

    @staticmethod
    def _receive(connection: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            chunk = connection.recv(count - len(data))
            if not chunk:
                raise ConnectionResetError("closed by the simulator")
            data += chunk
        return data
