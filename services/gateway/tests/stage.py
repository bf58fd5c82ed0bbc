"""What the gateway's tests stand between: a real broker, somebody who listens there, the hub, and a relay in play."""

from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from picket.bus.requests import Requester, Responder
from picket.loop import Loop
from picket.messages import OutputCommand, OutputResult, encode
from tests.servers.mosquitto import Mosquitto
from tests.servers.release import Release
from tests.servers.waiting import wait_for

BASE = "picket/test"
PROBE = b"probe"
OUTPUTS = "outputs:\n  siren: {pin: 1, max_on_seconds: 10}\nio_boards:\n  main: {bus: BUS}\n"


class Heard(NamedTuple):
    """A message as the broker passed it on."""

    topic: str
    payload: bytes
    retained: bool
    qos: int


class Observer:
    """Somebody at the broker: hears all, and sends."""

    def __init__(self, port: int, authority: str = "", **credentials: str) -> None:
        self.heard: list[Heard] = []
        self._subscribed = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(f"{BASE}/#", 1)
        self._client.on_subscribe = self._note_subscription
        self._client.on_message = self._hear
        self._client.reconnect_delay_set(1, 1)
        if authority:
            self._client.tls_set(authority)
        if credentials:
            self._client.username_pw_set(**credentials)
        wait_for("the broker", lambda: self._connects(port))
        self._client.loop_start()
        self.listen_again()

    def listen_again(self) -> None:
        """Wait for the next subscription: at the first connection, and after each loss of the broker."""
        wait_for("the observer's subscription", lambda: self._subscribed)
        self._subscribed = False

    def payloads(self, topic: str) -> list[bytes]:
        return [heard.payload for heard in self.heard if heard.topic == f"{BASE}/{topic}"]

    def last(self, topic: str) -> bytes | None:
        return (self.payloads(topic) or [None])[-1]

    def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        sent = self._client.publish(f"{BASE}/{topic}", payload, 1, retain)
        sent.wait_for_publish(60)
        assert sent.is_published(), f"the broker did not take {topic}"

    def result(self, output: str = "siren") -> OutputResult:
        """Wait for the first result of an output."""
        payloads = wait_for("a result", lambda: self.payloads(f"output/{output}/result"))
        return msgspec.json.decode(payloads[0], type=OutputResult)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _connects(self, port: int) -> bool:
        try:
            self._client.connect("127.0.0.1", port)
        except OSError:
            return False
        return True

    def _note_subscription(self, *_: object) -> None:
        self._subscribed = True

    def _hear(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.heard.append(Heard(message.topic, message.payload, message.retain, message.qos))


class Relay:
    """Plays the relay: publishes a result for every command, and answers unless it is told to be `silent`."""

    def __init__(self, release: Release, *, silent: bool = False) -> None:
        self.commands: list[OutputCommand] = []
        self._silent = silent
        self._producer = release.producer("relay")
        self._responder = Responder(release.context, release.endpoints, "output.command.", self._serve)
        self._loop = Loop()
        for client in (self._producer, self._responder):
            self._loop.on_readable(client.socket, client.receive)
            self._loop.every(0.05, client.tick)
        self._thread = Thread(target=self._loop.run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._loop.stop()
        self._thread.join(5)
        self._responder.close()
        self._producer.close()

    def _serve(self, topic: str, body: bytes, _now: float) -> bytes | None:
        if body == PROBE:
            return PROBE
        command = msgspec.json.decode(body, type=OutputCommand)
        self.commands.append(command)
        result = OutputResult(
            time_ns=command.time_ns,
            id=command.id,
            output=command.output,
            accepted=True,
            reason="",
            state=command.state,
            latency_ms=1.5,
            origin=command.origin,
        )
        self._producer.publish(topic.replace("command", "result"), result)
        return None if self._silent else encode(result)


class Site:
    """A hub, a broker and a gateway between them."""

    def __init__(self, folder: Path) -> None:
        self.release = Release(folder, OUTPUTS)
        self.broker = Mosquitto(folder, self.release.mqtt_port)
        self._open: list[Any] = []

    def observe(self, **credentials: str) -> Observer:
        return self._kept(Observer(self.broker.port, **credentials))

    def play_relay(self, *, silent: bool = False) -> Relay:
        """Play the relay, from when the hub knows of it."""
        relay: Relay = self._kept(Relay(self.release, silent=silent))
        requester = Requester(self.release.context, self.release.endpoints)
        answers: list[bytes | None] = []

        def answered() -> bool:
            requester.receive()
            requester.tick()
            if not answers or answers[-1] is None:
                requester.request("output.command.siren", PROBE, 0.2, lambda body, _why: answers.append(body))
            return answers[-1:] == [PROBE]

        wait_for("the relay", answered)
        requester.close()
        return relay

    def start_gateway(self) -> None:
        self.release.start("picket_gateway")

    def log(self) -> str:
        return self.release.log("picket_gateway")

    def says(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.log()

    def faults(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(entry.body) for entry in self.release.journal("fault.gateway")]

    def close(self) -> None:
        for one in reversed(self._open):
            one.close()
        for name in [name for name in self.release.processes if name != "picket_hub"]:
            self.release.kill(name, 15)
        self.broker.stop()
        self.release.close()

    def _kept(self, one: Any) -> Any:
        self._open.append(one)
        return one
