"""Open an I2C bus: a real one through smbus2, or the simulator's through a socket.

Either way the caller holds an object with smbus2's methods, so drivers and the vendor's library cannot tell.
A transfer on the simulator's bus, big-endian, any number of messages (a repeated start between them):

    request   count:u16  then per message  address:u8  flags:u8 (1 = read)  length:u16  [data if a write]
    reply     errno:u8   then the data of all reads, in order, if errno is 0
"""

import errno
import os
import socket
import struct
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit

from smbus2 import SMBus, i2c_msg

READ = 1
TRANSFER_SECONDS = 5
BUS_APPEARS_SECONDS = 5.0  # after a boot, or beside a simulator that starts at the same time


class Bus(Protocol):
    """The part of smbus2.SMBus that Picket's drivers use; a failed transfer raises OSError."""

    def read_byte(self, i2c_addr: int, /) -> int: ...
    def write_byte(self, i2c_addr: int, value: int, /) -> None: ...
    def read_byte_data(self, i2c_addr: int, register: int, /) -> int: ...
    def write_byte_data(self, i2c_addr: int, register: int, value: int, /) -> None: ...
    def read_word_data(self, i2c_addr: int, register: int, /) -> int: ...
    def write_word_data(self, i2c_addr: int, register: int, value: int, /) -> None: ...
    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]: ...
    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None: ...
    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None: ...
    def close(self) -> None: ...


def open_bus(address: str, patience_seconds: float = 0.0) -> Bus:
    """Open "/dev/i2c-1" or "sim://127.0.0.1:7701"; raises OSError when there is none, even after some patience."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return SimBus(address) if address.startswith("sim://") else SMBus(address)
        except OSError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)


class MessageBus:
    """smbus2's methods, all of them made of `transfer`: what a bus in Python needs to add is that alone."""

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        """Carry (address, flags, data to write or count to read) and return all that was read."""
        raise NotImplementedError

    def read_byte(self, i2c_addr: int, /) -> int:
        return self.transfer([(i2c_addr, READ, 1)])[0]

    def write_byte(self, i2c_addr: int, value: int, /) -> None:
        self.transfer([(i2c_addr, 0, bytes([value]))])

    def read_byte_data(self, i2c_addr: int, register: int, /) -> int:
        return self.transfer([(i2c_addr, 0, bytes([register])), (i2c_addr, READ, 1)])[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int, /) -> None:
        self.transfer([(i2c_addr, 0, bytes([register, value]))])

    def read_word_data(self, i2c_addr: int, register: int, /) -> int:
        return int.from_bytes(bytes(self.read_i2c_block_data(i2c_addr, register, 2)), "little")

    def write_word_data(self, i2c_addr: int, register: int, value: int, /) -> None:
        self.write_i2c_block_data(i2c_addr, register, value.to_bytes(2, "little"))

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]:
        return list(self.transfer([(i2c_addr, 0, bytes([register])), (i2c_addr, READ, length)]))

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None:
        self.transfer([(i2c_addr, 0, bytes([register, *data]))])

    def i2c_rdwr(self, *i2c_msgs: i2c_msg) -> None:
        read = self.transfer(
            (m.addr, READ, m.len) if m.flags & READ else (m.addr, 0, bytes(m.buf[: m.len])) for m in i2c_msgs
        )
        for message in i2c_msgs:
            if message.flags & READ:
                for index in range(message.len):
                    message.buf[index] = read[index : index + 1]
                read = read[message.len :]


class SimBus(MessageBus):
    """The simulator's bus; a simulator that went away is an OSError, and is dialled anew at the next transfer."""

    def __init__(self, address: str) -> None:
        """Dial "sim://host:port"."""
        parts = urlsplit(address)
        self._peer = (parts.hostname or "127.0.0.1", parts.port or 7701)
        self._socket: socket.socket | None = None
        self._dial()

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        """Carry the messages in one go; raises OSError with the errno that the kernel would give."""
        frames, expected = [], 0
        for address, flags, data in messages:
            if isinstance(data, int):
                frames.append(struct.pack("!BBH", address, flags, data))
                expected += data
            else:
                frames.append(struct.pack("!BBH", address, flags, len(data)) + data)
        try:
            sock = self._socket or self._dial()
            sock.sendall(struct.pack("!H", len(frames)) + b"".join(frames))
            reply = self._receive(sock, 1 + expected)
        except OSError as error:
            self.close()
            raise OSError(errno.ENXIO, f"the simulator's bus is away: {error}") from error
        if reply[0]:
            raise OSError(reply[0], os.strerror(reply[0]))
        return reply[1:]

    def close(self) -> None:
        """Hang up."""
        if self._socket:
            with suppress(OSError):
                self._socket.close()
            self._socket = None

    def _dial(self) -> socket.socket:
        self._socket = socket.create_connection(self._peer, timeout=TRANSFER_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The kernel's own timeout: Python's would poll before each call, and a sampler makes thousands a second.
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", TRANSFER_SECONDS, 0))
        return self._socket

    @staticmethod
    def _receive(sock: socket.socket, count: int) -> bytes:
        """Return a reply of `count` bytes, or of the one byte that is an errno."""
        data = sock.recv(count)
        while data and len(data) < count and not data[0]:
            more = sock.recv(count - len(data))
            data = data + more if more else b""
        if not data:
            raise ConnectionResetError("closed by the simulator")
        return data
