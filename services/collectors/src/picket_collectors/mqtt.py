"""Hear topics of the house's broker, on the thread of who listens: MQTT 3.1.1, which every broker speaks."""

import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from picket.config.schema import Tls
from picket_collectors import mqtt_packets as packets
from picket_collectors.source import Site, SourceError

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
TURN_SECONDS = 0.2
READ_BYTES = 65_536


class Message(NamedTuple):
    """What was published; `retained` is what the broker had kept from before."""

    topic: str
    payload: bytes
    retained: bool


class Subscription:
    """A connection to the broker of the configuration, and what is heard on it."""

    def __init__(self, site: Site, topics: Sequence[str], *, kept: bool = False) -> None:
        """Connect and subscribe; raises SourceError for a broker that refuses, OSError for one that is away.

        What is said with QoS 1 while nobody listens is lost, or else `kept` by the broker, as far as it has room.
        """
        settings = site.config.mqtt
        self._site = site
        self._address = f"{settings.host}:{settings.port}"
        self._packets = packets.Packets()
        self._heard: list[Message] = []
        self._lost = ""
        self._welcome = False
        self._asked: dict[int, Sequence[str]] = {}
        self._number = 0
        self._keepalive_seconds = settings.keepalive_seconds
        self._heard_at = site.clock()
        self._ping_at = self._heard_at + settings.keepalive_seconds
        self._socket = _dial(settings.host, settings.port, settings.tls)
        client_id = f"picket-{site.config.device}-{site.name}"
        try:
            self._send(
                packets.connect(client_id, settings.keepalive_seconds, settings.username, settings.password, kept=kept)
            )
            self._wait_for_an_answer()
            self.add(topics)
            self._wait_for_an_answer()
        except BaseException:
            self.close()
            raise

    def add(self, topics: Sequence[str]) -> None:
        """Hear more topics; where the broker refuses one, `receive` raises."""
        self._number = self._number % 0xFFFF + 1
        self._asked[self._number] = topics
        self._send(packets.subscribe(self._number, topics))

    def receive(self, seconds: float) -> list[Message]:
        """Return what came, after so long at most though it be nothing; raises SourceError when the broker is lost."""
        until = self._site.clock() + seconds
        while not self._heard and not self._lost and (left := until - self._site.clock()) > 0:
            self._site.pause(0)
            self._turn(min(left, TURN_SECONDS))
        heard, self._heard = self._heard, []
        if not heard and self._lost:
            raise SourceError(f"broker {self._address}: {self._lost}")
        return heard

    def close(self) -> None:
        """Leave."""
        with suppress(OSError):
            self._socket.sendall(packets.FAREWELL)
        self._socket.close()

    def _wait_for_an_answer(self) -> None:
        until = self._site.clock() + ANSWER_SECONDS
        while (self._asked or not self._welcome) and not self._lost:
            self._site.pause(0)
            if self._site.clock() >= until:
                self._lost = "does not answer"
            self._turn(TURN_SECONDS)
        if self._lost:
            raise SourceError(f"broker {self._address}: {self._lost}")

    def _turn(self, seconds: float) -> None:
        """Take what comes within `seconds`, and keep the connection alive."""
        try:
            # TLS may have read more than was asked for, of which the kernel knows nothing.
            if getattr(self._socket, "pending", int)() or select.select([self._socket], [], [], seconds)[0]:
                data = self._socket.recv(READ_BYTES)
                if not data:
                    self._lost = self._lost or "the connection broke"
                self._heard_at = self._site.clock()
                for first, rest in self._packets.feed(data):
                    self._take(first, rest)
        except SourceError as error:
            self._lost = str(error)
        except OSError as error:
            self._lost = self._lost or f"the connection broke: {error.strerror or error}"
        self._stay_alive(self._site.clock())

    def _stay_alive(self, now: float) -> None:
        if now - self._heard_at > 2 * self._keepalive_seconds:
            self._lost = self._lost or "the connection broke: it does not answer any more"
        elif now >= self._ping_at:
            self._ping_at = now + self._keepalive_seconds
            self._send(packets.PING)

    def _take(self, first: int, rest: bytes) -> None:
        match first & 0xF0:
            case packets.CONNACK:
                self._welcome = rest[1:2] == b"\0"
                if not self._welcome:
                    reason = packets.REFUSALS.get(rest[-1] if rest else 0, "for no known reason")
                    self._lost = f"refuses the connection: {reason} (mqtt.username, mqtt.password)"
            case packets.SUBACK:
                asked = self._asked.pop(int.from_bytes(rest[:2]), ())
                refused = [topic for topic, code in zip(asked, rest[2:], strict=False) if code >= packets.REFUSED]
                if refused:
                    self._lost = f"refuses {', '.join(refused)} (its access list)"
            case packets.PUBLISH:
                topic, payload, answer = packets.published(first, rest)
                with suppress(UnicodeDecodeError):  # no topic of ours
                    self._heard.append(Message(topic.decode(), payload, bool(first & packets.RETAINED)))
                if answer:
                    self._send(answer)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._lost = self._lost or f"the connection broke: {error.strerror or error}"


def _dial(host: str, port: int, tls: Tls | None) -> socket.socket:
    connection = socket.create_connection((host, port), CONNECT_SECONDS)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return connection
    import ssl  # of some megabytes, and only where it is asked for

    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        if tls.certificate_file:
            context.load_cert_chain(tls.certificate_file, tls.key_file or None)
        return context.wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise
