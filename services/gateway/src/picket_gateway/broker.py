"""The connection to the broker, on the service's own loop: no thread stands between a command and the bus.

Each connection is a new paho client: nothing of an old one (its queue, its numbers, half a packet) outlives it.
MQTT 5 is tried first, at each connection until it has worked; where it is not answered, 3.1.1 at once.
"""

import logging
import random
import socket
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode

from picket.backoff import Backoff
from picket.config.schema import Mqtt
from picket.loop import Loop
from picket_gateway import session
from picket_gateway.session import V5, V311

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
ANSWER_SECONDS = 10.0
# Some brokers that know only 3.1.1 misread a CONNECT of MQTT 5 and wait for more of it.
FIRST_ANSWER_SECONDS = 2.0
MISC_SECONDS = 0.5
FAREWELL_SECONDS = 0.8

UNSUPPORTED_PROTOCOL = 132
HINTS = {134: " (mqtt.username, mqtt.password)", 135: " (mqtt.username, mqtt.password, or the broker's access list)"}
LOSSES = {"Unspecified error": "the connection broke", "Keep alive timeout": "gives no sign of life"}

log = logging.getLogger("gateway")


class Listener(Protocol):
    """Who is told what happens; all but `connected` and `lost` is said from within paho."""

    def connected(self) -> None:
        """Hear that the broker is there; it has our subscriptions, and `online`."""

    def lost(self, why: str) -> None:
        """Hear that it is away, or could not be reached."""

    def subscribed(self, refusal: str) -> None:
        """Hear that the subscriptions stand, or why not."""

    def received(self, topic: str, payload: bytes, retained: bool) -> None:
        """Take a message."""

    def acknowledged(self, mid: int, refusal: str) -> None:
        """Hear that the broker has the publication `mid`, or why it refuses it."""


class Broker:
    """Connects, and goes on connecting; says `online`, and `offline` on leaving or by its will."""

    def __init__(
        self, loop: Loop, settings: Mqtt, client_id: str, status: str, subscriptions: Sequence[str], listener: Listener
    ) -> None:
        """Be ready to connect; `status` is the topic of `online` and `offline`."""
        self._loop = loop
        self._settings = settings
        self._client_id = client_id
        self._status = status
        self._subscriptions = subscriptions
        self._listener = listener
        self._address = f"{settings.host}:{settings.port}"
        self._client: Client | None = None
        self._up = False
        self._up_since = 0.0
        self._protocol = V5
        self._proven = False  # that the broker knows MQTT 5
        self._answered = False
        self._refusal = ""
        self._pauses = pauses()
        self._file = -1
        self._writing = False
        loop.every(MISC_SECONDS, self._misc)

    def connect(self) -> None:
        """Begin to connect; blocks for TCP and TLS, the broker's answer comes to the loop."""
        self._answered, self._refusal = False, ""
        try:
            self._client = client = session.new_client(self._settings, self._client_id, self._protocol, self._status)
            client.on_socket_open = self._on_socket_open
            client.on_socket_close = self._on_socket_close
            client.on_connect = self._on_connect
            client.on_disconnect = self._on_disconnect
            client.on_subscribe = self._on_subscribe
            client.on_publish = self._on_publish
            client.on_message = self._on_message
            session.connect(client, self._settings)
        except (OSError, ValueError) as error:
            self._lost(self._client, str(error))
            return
        patience = FIRST_ANSWER_SECONDS if self._protocol == V5 and not self._proven else ANSWER_SECONDS
        self._loop.at(self._loop.now() + patience, lambda: self._expect_answer(client))

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> int:
        """Send, and return the number that `acknowledged` will say; 0 when there is no connection."""
        if not self._up or not self._client:
            return 0
        info = self._client.publish(topic, payload, qos, retain)
        self._watch_writes()
        return info.mid if info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS else 0

    def close(self) -> None:
        """Say `offline` and leave; when the broker does not confirm it in time, our will says it."""
        client, self._client = self._client, None
        if not self._up or not client:
            return
        client.on_message = None
        deadline = self._loop.now() + FAREWELL_SECONDS
        farewell = client.publish(self._status, b"offline", 1, True)
        while farewell.rc == MQTTErrorCode.MQTT_ERR_SUCCESS and not farewell.is_published():
            if not session.turn(client, deadline - self._loop.now()):
                session.hang_up(client)
                return
        client.disconnect()

    def _welcome(self, client: Client) -> None:
        if client is not self._client:
            return
        self._up = True
        self._proven |= self._protocol == V5
        self._up_since = self._loop.now()
        session.subscribe(client, self._subscriptions)
        self.publish(self._status, b"online", qos=1, retain=True)
        log.info("connected to %s by MQTT %s", self._address, "5" if self._protocol == V5 else "3.1.1")
        self._listener.connected()

    def _lost(self, client: Client | None, why: str) -> None:
        if client is not self._client:
            return
        was_up, self._up, self._client = self._up, False, None
        if not self._proven:
            self._protocol = V5
        if was_up and self._loop.now() - self._up_since > LONGEST_PAUSE_SECONDS:
            self._pauses.reset()
        self._loop.at(self._loop.now() + self._pauses.next_seconds(), self.connect)
        self._listener.lost(f"{self._address}: {self._refusal or why}")

    def _expect_answer(self, client: Client) -> None:
        if client is self._client and not self._answered:
            session.hang_up(client)
            self._unanswered(client, "does not answer")

    def _unanswered(self, client: Client, why: str) -> None:
        """Try the older protocol at once, unless this one has worked; that is no fault before both have failed."""
        if client is not self._client:
            return
        if self._protocol == V5 and not self._proven:
            self._client, self._protocol = None, V311
            self.connect()
        else:
            self._lost(client, why)

    def _misc(self) -> None:
        if self._client:
            self._client.loop_misc()
            self._watch_writes()

    def _readable(self) -> None:
        if self._client:
            session.read(self._client)
            self._watch_writes()

    def _writable(self) -> None:
        if self._client:
            self._client.loop_write()
            self._watch_writes()

    def _watch_writes(self) -> None:
        """Write what was queued within a callback; watch for room when the socket has none."""
        client = self._client
        if not client:
            return
        if client.want_write() and not self._writing:
            client.loop_write()
        if self._file >= 0 and client.want_write() != self._writing:
            self._writing = not self._writing
            self._loop.on_readable(self._file, self._readable, self._writable if self._writing else None)

    def _on_socket_open(self, _client: Client, _userdata: Any, opened: Any) -> None:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file, self._writing = opened.fileno(), False
        self._loop.on_readable(self._file, self._readable)

    def _on_socket_close(self, _client: Client, _userdata: Any, _closed: Any) -> None:
        self._loop.on_readable(self._file, None)
        self._file = -1

    def _on_connect(self, client: Client, _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._protocol == V5 and reason.value == UNSUPPORTED_PROTOCOL:
            self._proven = False
            return  # as good as no answer: paho hangs up now
        self._answered = True
        if reason.is_failure:
            self._refusal = f"refuses the connection: {reason}{HINTS.get(reason.value, '')}"
        else:
            self._loop.at(0, lambda: self._welcome(client))

    def _on_disconnect(self, client: Client, _userdata: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if flags.is_disconnect_packet_from_server:
            why = f"ended the connection: {reason}"
        else:
            why = LOSSES.get(str(reason), f"lost: {reason}")
        told = self._lost if self._answered else self._unanswered
        self._loop.at(0, lambda: told(client, why))

    def _on_subscribe(self, _client: Client, _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        self._listener.subscribed(", ".join(str(reason) for reason in reasons if reason.is_failure))

    def _on_publish(self, _client: Client, _userdata: Any, mid: int, reason: Any, _properties: Any) -> None:
        self._listener.acknowledged(mid, str(reason) if reason.is_failure else "")

    def _on_message(self, _client: Client, _userdata: Any, message: Any) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours
        self._listener.received(topic, message.payload, message.retain)


def pauses(chance: Callable[[], float] = random.random) -> Backoff:
    """Return the pauses between attempts; half of each is by chance, so that a fleet does not come back as one."""
    return Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, jitter=lambda: 0.5 + chance() / 2)
