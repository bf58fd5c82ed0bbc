"""An appliance's way to the broker of the configuration: it dials until there is one, and says nothing of that."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from socket import SHUT_RDWR
from typing import Any, NamedTuple

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from picket.config.schema import Mqtt

DIAL_AGAIN_SECONDS = 1


class Will(NamedTuple):
    """What the broker says, retained, when the appliance is gone without a farewell."""

    topic: str
    payload: bytes


class MqttClient:
    """One appliance at the broker, MQTT 3.1.1; what it is told is called back on a thread of its own."""

    def __init__(
        self,
        mqtt: Mqtt,
        client_id: str,
        *,
        connected: Callable[[], None] = lambda: None,
        heard: Callable[[str, bytes], None] = lambda _topic, _payload: None,
        topics: Sequence[str] = (),
        will: Will | None = None,
    ) -> None:
        """Dial nobody yet. `connected` is called at each connection, `heard` with what comes on `topics`."""
        self._mqtt = mqtt
        self._id = client_id
        self._connected = connected
        self._heard = heard
        self._topics = topics
        self._will = will
        self._client: Client | None = None

    def start(self) -> None:
        """Dial, and again whenever the connection is lost."""
        mqtt = self._mqtt
        client = Client(CallbackAPIVersion.VERSION2, self._id, protocol=MQTTProtocolVersion.MQTTv311)
        client.reconnect_delay_set(DIAL_AGAIN_SECONDS, DIAL_AGAIN_SECONDS)
        if mqtt.username:
            client.username_pw_set(mqtt.username, mqtt.password or None)
        if tls := mqtt.tls:
            client.tls_set(tls.ca_file or None, tls.certificate_file or None, tls.key_file or None)
        if self._will:
            client.will_set(self._will.topic, self._will.payload, qos=1, retain=True)
        client.on_connect = self._on_connect
        client.on_message = lambda _client, _data, message: self._heard(message.topic, bytes(message.payload))
        client.connect_async(mqtt.host, mqtt.port, mqtt.keepalive_seconds)
        self._client = client  # before the thread of it starts, which publishes as soon as it is connected
        client.loop_start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish, unless there is no connection."""
        if self._client:
            self._client.publish(topic, payload, retain=retain)

    def vanish(self) -> None:
        """Be gone without a farewell, as by a cut of the power; `start` brings it back."""
        client, self._client = self._client, None
        if client:
            connection: Any = client.socket()
            if connection:
                with suppress(OSError):
                    connection.shutdown(SHUT_RDWR)
            # Its thread may sleep for as long as it would before it dials again, for which nobody is to wait.
            threading.Thread(target=client.loop_stop, daemon=True).start()

    def close(self) -> None:
        """Say farewell and hang up."""
        client, self._client = self._client, None
        if client:
            client.disconnect()
            client.loop_stop()

    def _on_connect(self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            return
        for topic in self._topics:
            client.subscribe(topic, qos=1)
        self._connected()
