"""Hear topics of the house's broker, on the thread of who listens: MQTT 3.1.1, which every broker speaks."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from picket_collectors.source import Site, SourceError

if TYPE_CHECKING:
    from paho.mqtt.client import Client

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 10.0
TURN_SECONDS = 0.2
REFUSED = 0x80


class Message(NamedTuple):
    """What was published; `retained` is what the broker had kept from before."""

    topic: str
    payload: bytes
    retained: bool


class Subscription:
    """A connection to the broker of the configuration, and what is heard on it."""

    def __init__(self, site: Site, topics: Sequence[str]) -> None:
        """Connect and subscribe; raises SourceError for a broker that refuses, OSError for one that is away."""
        # Imported here: the configuration's check imports every source, and needs no broker.
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

        settings = site.config.mqtt
        self._site = site
        self._address = f"{settings.host}:{settings.port}"
        self._heard: list[Message] = []
        self._lost = ""
        self._stands = False
        self._topics = topics
        client_id = f"picket-{site.config.device}-{site.name}"
        self._client: Client = Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv311, reconnect_on_failure=False
        )
        self._client.connect_timeout = CONNECT_SECONDS
        if settings.username:
            self._client.username_pw_set(settings.username, settings.password or None)
        if tls := settings.tls:
            self._client.tls_set(tls.ca_file or None, tls.certificate_file or None, tls.key_file or None)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        try:
            self._client.connect(settings.host, settings.port, settings.keepalive_seconds)
            self._wait_until_it_stands()
        except BaseException:
            self.close()
            raise

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
        with suppress(OSError, ValueError):
            self._client.disconnect()

    def _wait_until_it_stands(self) -> None:
        until = self._site.clock() + ANSWER_SECONDS
        while not self._stands and not self._lost:
            self._site.pause(0)
            if self._site.clock() >= until:
                self._lost = "does not answer"
            self._turn(TURN_SECONDS)
        if self._lost:
            raise SourceError(f"broker {self._address}: {self._lost}")

    def _turn(self, seconds: float) -> None:
        self._client.loop(seconds)
        if self._client.socket() is None:
            self._lost = self._lost or "the connection broke"

    def _on_connect(self, client: "Client", _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._lost = f"refuses the connection: {reason} (mqtt.username, mqtt.password)"
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_disconnect(self, _client: "Client", _userdata: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._lost = self._lost or f"the connection broke: {reason}"

    def _on_subscribe(self, _client: "Client", _userdata: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        refused = [t for t, reason in zip(self._topics, reasons, strict=False) if reason.value >= REFUSED]
        if refused:
            self._lost = f"refuses {', '.join(refused)} (its access list)"
        self._stands = True

    def _on_message(self, _client: "Client", _userdata: Any, message: Any) -> None:
        with suppress(UnicodeDecodeError):  # no topic of ours
            self._heard.append(Message(message.topic, message.payload, message.retain))
