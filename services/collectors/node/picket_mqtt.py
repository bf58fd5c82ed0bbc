"""MQTT 3.1.1 for boards: one connection, which publishes with QoS 1 and hears what acknowledges that.

    packet      type and flags, length of the rest (7 bits a byte, the lowest first; the eighth says that more follow)
    10 CONNECT  "MQTT" 04 flags keepalive:u16, then each as length:u16 and UTF-8: id, will's topic, will, user, password
    20 CONNACK  session code          code 0: welcome
    32 PUBLISH  topic number:u16 payload            33: retained
    40 PUBACK   number:u16
    C0 PINGREQ  D0 PINGRESP  E0 DISCONNECT: nothing more

Nothing here is MicroPython's alone. Whatever goes wrong is an OSError: the connection is then of no more use.
"""

import select
import socket

CONNACK, PUBACK, PINGRESP = 0x20, 0x40, 0xD0
WILL, RETAINED_WILL_QOS_1, CLEAN, PASSWORD, USER = 0x04, 0x28, 0x02, 0x40, 0x80
SOCKET_SECONDS = 5  # no call blocks for longer, so that a watchdog of 8 s stays calm


class Connection:
    """A broker that has let us in."""

    def __init__(self, host, port, client_id, will, user="", password="", keepalive_seconds=15):
        """Connect; `will` is the topic and payload that the broker publishes, retained, when we are gone."""
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)[0][-1]
        self._received = b""
        self._socket = socket.socket()
        try:
            self._socket.settimeout(SOCKET_SECONDS)
            self._socket.connect(address)
            self._poll = select.poll()
            self._poll.register(self._socket, select.POLLIN)
            self._send(connect_packet(client_id, will, user, password, keepalive_seconds))
            answer = self.receive(SOCKET_SECONDS * 1000)
            if not answer or answer[0][0] != CONNACK:
                raise OSError("the broker does not answer")
            if answer[0][1] & 0xFF:
                raise OSError(f"the broker refuses us, code {answer[0][1] & 0xFF}")
        except BaseException:
            self._socket.close()
            raise

    def publish(self, topic, payload, number, retain=False):
        """Publish with QoS 1; `receive` will return (PUBACK, number)."""
        self._send(publish_packet(topic, payload, number, retain))

    def ping(self):
        """Ask for a sign of life; `receive` will return (PINGRESP, 0)."""
        self._send(b"\xc0\x00")

    def receive(self, milliseconds):
        """Return what came, after so long at most: a list of packet types and numbers."""
        if not self._poll.poll(milliseconds):
            return []
        data = self._socket.recv(64)
        if not data:
            raise OSError("the broker hung up")
        packets, self._received = take_apart(self._received + data)
        return packets

    def close(self):
        """Hang up without a farewell: the broker publishes our will."""
        self._socket.close()

    def leave(self):
        """Say farewell and hang up: the broker forgets our will."""
        self._send(b"\xe0\x00")
        self._socket.close()

    def _send(self, data):
        while data:
            data = data[self._socket.send(data) :]


def connect_packet(client_id, will, user, password, keepalive_seconds):
    """Return a CONNECT with a will."""
    flags = CLEAN | WILL | RETAINED_WILL_QOS_1 | (USER if user else 0) | (PASSWORD if user and password else 0)
    body = _text("MQTT") + bytes([4, flags]) + _number(keepalive_seconds) + _text(client_id)
    body += _text(will[0]) + _text(will[1])
    if user:
        body += _text(user)
        if password:
            body += _text(password)
    return _packet(0x10, body)


def publish_packet(topic, payload, number, retain):
    """Return a PUBLISH with QoS 1."""
    return _packet(0x33 if retain else 0x32, _text(topic) + _number(number) + payload)


def take_apart(data):
    """Return the packets in `data`, each of four bytes at most, and the beginning of one that is left."""
    packets = []
    while len(data) >= 2:
        if data[1] > 2:
            raise OSError("the broker says what it was not asked for")
        if len(data) < 2 + data[1]:
            break
        packets.append((data[0], int.from_bytes(data[2 : 2 + data[1]], "big")))
        data = data[2 + data[1] :]
    return packets, data


def _packet(kind, body):
    head, length = bytes([kind]), len(body)
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + body


def _text(text):
    data = text.encode()
    return _number(len(data)) + data


def _number(number):
    return bytes([number >> 8, number & 255])
