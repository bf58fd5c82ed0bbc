"""A subscriber that hears all that a broker has sent, also what it had sent when it was killed.

Client libraries give up a connection when they can't answer on it, and with it what has come and was not read yet.
This one reads to the end. It speaks as much of MQTT 3.1.1 as it needs, in a session that the broker keeps:

    CONNECT    10 n  00 04 "MQTT" 04 00 00 00 len client       version 4, no clean session, no keepalive
    CONNACK    20 02 session_present 00
    SUBSCRIBE  82 n  id:u16 (len filter 01) ...                QoS 1
    SUBACK     90 n  id:u16 qos ...
    PUBLISH    3f n  len topic [id:u16 if QoS 1] payload       f: 8 sent again, 2 QoS 1, 1 retained
    PUBACK     40 02 id:u16

where n is the length of the rest, seven bits a byte, the lowest first.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import NamedTuple

PUBLISH, SUBACK = 3, 9
DIAL_AGAIN_SECONDS = 0.02


class Testimony(NamedTuple):
    """One message; `again` says that the broker itself calls it a repetition."""

    topic: str
    payload: bytes
    again: bool


class Witness:
    """Hears some topics from its own thread, again after each loss of the broker."""

    def __init__(self, port: int, *topics: str) -> None:
        """Name a broker of the loopback and what is to be heard."""
        self.heard: list[Testimony] = []
        self.subscribed = False  # and all that had waited for us has been sent
        self.fresh = 0  # heard since
        self._port = port
        self._hello = packet(0x10, text("MQTT") + b"\x04\0\0\0" + text("witness"))
        self._wish = packet(0x82, b"\0\1" + b"".join(text(topic) + b"\1" for topic in topics))
        self._closing = Event()
        self._socket: socket.socket | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Dial the broker, again and again."""
        self._thread.start()

    def close(self) -> None:
        """Hang up."""
        self._closing.set()
        if self._socket:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(60)

    def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 5) as dialled:
                dialled.settimeout(None)
                dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._socket = dialled
                dialled.sendall(self._hello + self._wish)
                for kind, flags, rest in packets(dialled):
                    self._take(dialled, kind, flags, rest)
            self.subscribed, self.fresh = False, 0
            self._closing.wait(DIAL_AGAIN_SECONDS)

    def _take(self, dialled: socket.socket, kind: int, flags: int, rest: bytes) -> None:
        if kind == SUBACK:
            self.subscribed = True
        elif kind == PUBLISH:
            end = 2 + int.from_bytes(rest[:2])
            number, payload = (rest[end : end + 2], rest[end + 2 :]) if flags & 2 else (b"", rest[end:])
            self.heard.append(Testimony(rest[2:end].decode(), payload, bool(flags & 8)))
            self.fresh += self.subscribed
            if number:
                with suppress(OSError):  # a broker that is gone needs no answer, but may have sent more before
                    dialled.sendall(packet(0x40, number))


def packets(dialled: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Yield kind, flags and the rest of each whole packet until the connection ends."""
    data = b""
    while True:
        size = length(data)
        if size is not None and len(data) >= size[0] + size[1]:
            head, rest = size
            yield data[0] >> 4, data[0] & 15, data[head : head + rest]
            data = data[head + rest :]
        elif more := dialled.recv(65536):
            data += more
        else:
            return


def packet(first: int, rest: bytes) -> bytes:
    """Make a packet."""
    head, size = [first], len(rest)
    while size > 127:
        head.append(size & 127 | 128)
        size >>= 7
    return bytes([*head, size]) + rest


def length(data: bytes) -> tuple[int, int] | None:
    """Return how long a packet's head and its rest are; None before that can be known."""
    size = 0
    for place, byte in enumerate(data[1:5]):
        size |= (byte & 127) << 7 * place
        if byte < 128:
            return place + 2, size
    return None


def text(words: str) -> bytes:
    """Write a string with its length before it."""
    return len(words.encode()).to_bytes(2) + words.encode()
