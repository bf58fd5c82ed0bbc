"""A person at the broker: hears everything, and publishes."""

import json
import time
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.servers.waiting import wait_for


class Heard(NamedTuple):
    """One message, and when it was heard (monotonic)."""

    topic: str
    text: str
    retained: bool
    at: float

    @property
    def json(self) -> Any:
        """The payload as JSON."""
        return json.loads(self.text)


class Observer:
    """Subscribes to everything under `root`, again after every outage of the broker."""

    def __init__(
        self, port: int, root: str = "#", user: tuple[str, str] | None = None, host: str = "127.0.0.1"
    ) -> None:
        """Connect to a broker, as a user with a password where it asks for one."""
        self.heard: list[Heard] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(*user)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(root, qos=1)
        self._client.on_message = self._on_message
        self._client.connect_async(host, port)
        self._client.loop_start()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        text = message.payload.decode(errors="replace")
        self.heard.append(Heard(message.topic, text, message.retain, time.monotonic()))

    def publish(self, topic: str, payload: str | bytes, *, retain: bool = False) -> None:
        """Publish with QoS 1 as soon as the broker is there, and wait until it has it."""
        wait_for("a way to the broker", self._client.is_connected)
        sent = self._client.publish(topic, payload, qos=1, retain=retain)
        sent.wait_for_publish(60)
        assert sent.is_published(), f"the broker did not take {topic}"

    def on(self, topic: str) -> list[Heard]:
        """Return what was heard on a topic so far."""
        return [message for message in self.heard if message.topic == topic]

    def wait(self, topic: str, text: str | None = None, seconds: float = 60.0, count: int = 1) -> Heard:
        """Wait until a topic has carried something (a text, so many times), and return the last of it."""

        def look() -> list[Heard]:
            found = [m for m in self.on(topic) if text is None or m.text == text]
            return found if len(found) >= count else []

        return wait_for(f"{topic} {text or ''}", look, seconds)[-1]

    def results(self, output: str) -> dict[str, list[Any]]:
        """Return the results of an output's commands by their ids."""
        found: dict[str, list[Any]] = {}
        for message in self.on(f"picket/demo/output/{output}/result"):
            found.setdefault(message.json["id"], []).append(message.json)
        return found

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()
