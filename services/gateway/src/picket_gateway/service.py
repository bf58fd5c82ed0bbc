"""The gateway: wires the bus to the broker and back."""

import time
from importlib.metadata import version

from picket.messages import Health, Message, OutputResult, encode, utc
from picket.service import Runtime
from picket_gateway.broker import Broker
from picket_gateway.dashboard import Dashboard
from picket_gateway.delivery import Delivery
from picket_gateway.dispatch import Dispatch
from picket_gateway.expected import expected
from picket_gateway.heartbeat import Heartbeat, Info
from picket_gateway.states import Retained, retained
from picket_gateway.vitals import Vitals

HEARTBEAT_SECONDS = 5.0
LIVE = ("input.state.", "output.state.", "output.result.", "reading.", "health.")
COMMANDS = ("output/+/set", "output/+/set_on_ms")


class Gateway:
    """Hears both sides; holds the last known states for the next connection."""

    def __init__(self, runtime: Runtime) -> None:
        """Wire onto the runtime; a broker that is away is a fault, not an error."""
        config = runtime.config
        self._runtime = runtime
        self._base = f"{config.mqtt.root}/{config.device}"
        self._version = version("picket-gateway")
        self._started = runtime.loop.now()
        self._seq = 0
        self._vitals = Vitals(expected(config), self._started)
        self._dashboard = Dashboard(runtime, self._vitals.services, self._version, self._tell_info)
        self._states: dict[str, Retained] = {}
        self._broker = Broker(
            runtime.loop,
            config.mqtt,
            client_id=f"picket-{config.device}-gateway",
            status=f"{self._base}/status",
            subscriptions=[f"{self._base}/{topic}" for topic in COMMANDS],
            listener=self,
        )
        self._dispatch = Dispatch(runtime, self._refuse_unknown_output)
        self._delivery = Delivery(runtime, self._publish_event, self._vitals)
        runtime.hear(LIVE, self._hear)
        runtime.health.figure("commands", lambda: dict(self._dispatch.counts))
        runtime.health.figure("edge_to_mqtt_ms", self._vitals.edge_to_mqtt_ms.summary)
        runtime.loop.at(0, self._broker.connect)
        runtime.loop.every(HEARTBEAT_SECONDS, self._beat)
        runtime.closing.callback(self._broker.close)

    def connected(self) -> None:
        """Say what is known, clear commands that were retained meanwhile, and read the journal on."""
        self._runtime.health.end("broker")
        self._runtime.health.end("publications", "tried again")
        self._tell_info()
        for state in self._states.values():
            self._publish(state)
        self._beat()
        for name in self._runtime.config.outputs:
            for topic in COMMANDS:
                self._clear(f"{self._base}/{topic.replace('+', name)}")
        self._delivery.resume()

    def lost(self, why: str) -> None:
        """Degrade: the journal waits, states are kept."""
        self._delivery.pause()
        self._runtime.health.begin("broker", why)

    def subscribed(self, refusal: str) -> None:
        """Say so when the broker lets no commands through to us."""
        if refusal:
            self._runtime.health.begin("commands", f"the broker refuses the subscription to commands: {refusal}")
        else:
            self._runtime.health.end("commands")

    def received(self, topic: str, payload: bytes, retained: bool) -> None:
        """Pass a command on; whatever it is, it does not stay retained."""
        if retained and payload:
            self._clear(topic)
        self._dispatch.receive(topic, payload, retained)

    def acknowledged(self, mid: int, refusal: str) -> None:
        """Pass on what the broker has; what it refuses for good is a fault until the next connection."""
        if not self._delivery.acknowledged(mid, refusal) and refusal:
            self._runtime.health.begin("publications", f"the broker refuses some: {refusal}")

    def _hear(self, topic: str, message: Message) -> None:
        if isinstance(message, Health):
            self._vitals.hear(message, self._runtime.loop.now(), time.time_ns())
        elif isinstance(message, OutputResult):
            self._dispatch.heard(message)
        for state in retained(topic, message):
            if self._states.get(state.topic) != state:
                self._states[state.topic] = state
                self._publish(state)

    def _tell_info(self) -> None:
        info = Info(self._version, self._dashboard.release, self._runtime.loaded.digest(), self._dashboard.name)
        self._publish(Retained("info", encode(info)))

    def _beat(self) -> None:
        self._seq += 1
        now = self._runtime.loop.now()
        beat = Heartbeat(
            time=utc(time.time_ns()),
            seq=self._seq,
            uptime_seconds=round(now - self._started, 1),
            version=self._version,
            release=self._dashboard.release,
            services=self._vitals.services(now),
            latency=self._vitals.latency(),
            journal=self._vitals.journal(),
            dropped=self._vitals.dropped(),
        )
        self._broker.publish(f"{self._base}/heartbeat", encode(beat))

    def _publish(self, state: Retained) -> None:
        self._broker.publish(f"{self._base}/{state.topic}", state.payload, qos=state.qos, retain=True)

    def _publish_event(self, topic: str, body: bytes) -> int:
        return self._broker.publish(f"{self._base}/{topic}", body, qos=1)

    def _refuse_unknown_output(self, name: str, result: bytes) -> None:
        self._broker.publish(f"{self._base}/output/{name}/result", result, qos=1)

    def _clear(self, topic: str) -> None:
        self._broker.publish(topic, b"", qos=1, retain=True)
