"""MQTT 3.1.1, as much of it as a listener needs: a fourth of a client library's memory.

    CONNECT     10 n  00 04 "MQTT" 04 flags keepalive:u16 len id [len user [len password]]
                      flags: 80 user, 40 password, 02 no session is kept
    CONNACK     20 02 session code            code: REFUSALS, 0 welcome
    SUBSCRIBE   82 n  id:u16 (len filter 01)...
    SUBACK      90 n  id:u16 code...          code: 80 refused
    PUBLISH     3f n  len topic [id:u16 if QoS 1] payload        f: 8 sent again, 2 QoS 1, 1 retained
    PUBACK      40 02 id:u16
    PINGREQ     C0 00 / PINGRESP D0 00 / DISCONNECT E0 00

where n is the length of the rest, seven bits a byte, the lowest first; len is a u16.
"""

from collections.abc import Iterator, Sequence

from picket_collectors.source import SourceError

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90
PING, FAREWELL = b"\xc0\0", b"\xe0\0"
RETAINED, QOS = 0x01, 0x06
REFUSED = 0x80
REFUSALS = {
    1: "it speaks no MQTT 3.1.1",
    2: "Identifier rejected",
    3: "Server unavailable",
    4: "Bad user name or password",
    5: "Not authorized",
}
# What is longer is cut: its reader finds it spoilt, and no sender fills this process's memory.
MAX_BYTES = 9_000_000
LENGTH_BYTES = 4


def connect(client_id: str, keepalive_seconds: int, username: str, password: str, *, kept: bool) -> bytes:
    """Ask to be let in; `kept` has the broker keep the session when the connection ends."""
    flags = (0x80 if username else 0) | (0x40 if username and password else 0) | (0 if kept else 0x02)
    names = [client_id, *([username] if flags & 0x80 else ()), *([password] if flags & 0x40 else ())]
    return _packet(
        CONNECT, _text("MQTT") + bytes([4, flags]) + keepalive_seconds.to_bytes(2) + b"".join(map(_text, names))
    )


def subscribe(number: int, topics: Sequence[str]) -> bytes:
    """Ask for topics, with QoS 1; `number` is that of the answer."""
    return _packet(SUBSCRIBE, number.to_bytes(2) + b"".join(_text(topic) + b"\1" for topic in topics))


def published(first: int, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Return a message's topic, its payload, and what is to be answered: nothing for QoS 0."""
    end = 2 + int.from_bytes(rest[:2])
    topic = rest[2:end]
    if not first & QOS:
        return topic, rest[end:], b""
    return topic, rest[end + 2 :], _packet(PUBACK, rest[end : end + 2])


class Packets:
    """Finds the packets in what a connection gives, in whatever pieces it comes."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._received = bytearray()
        self._left_out = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield first byte and rest of each packet that `data` completes; raises SourceError for what is no MQTT."""
        skipped = min(self._left_out, len(data))
        self._left_out -= skipped
        self._received += data[skipped:]
        while size := self._size():
            head, rest = size
            taken = head + min(rest, MAX_BYTES)
            if len(self._received) < taken:
                return
            first, body = self._received[0], bytes(self._received[head:taken])
            there = min(head + rest, len(self._received))
            self._left_out = head + rest - there
            del self._received[:there]
            yield first, body

    def _size(self) -> tuple[int, int] | None:
        """Return how long the first packet's head and its rest are; None before that can be known."""
        size = 0
        for place, byte in enumerate(self._received[1 : LENGTH_BYTES + 1]):
            size |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return place + 2, size
        if len(self._received) > LENGTH_BYTES:
            raise SourceError("what answers speaks no MQTT")
        return None


def _packet(first: int, rest: bytes) -> bytes:
    head, size = [first], len(rest)
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + rest


def _text(words: str) -> bytes:
    encoded = words.encode()
    return len(encoded).to_bytes(2) + encoded
