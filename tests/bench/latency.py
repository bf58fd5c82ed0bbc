"""How long things take in the whole release, real processes and a real broker: edge to MQTT, command to pin.

The peer of a command is a bare echo through the same broker, between the commands so that both see the same noise.
"""

import json
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import pairwise
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import zmq

from picket.bus import Endpoints
from picket.bus.subscriber import Subscriber
from picket.config import Config
from picket_simulator.command import ask
from tests.bench.figures import Figure, p50, p99, progress
from tests.bench.whole_release import client, config_of, running_release, until
from tests.servers.whole import Whole

EDGES = 40
NORMAL_VOLTS, ALARM_VOLTS, STEP_SECONDS = 1.2, 2.6, 0.001  # of the demo configuration's loop `garage`
COMMANDS = 300
PAUSE_SECONDS = 0.03  # between a command and an echo
CRISP = {
    "PICKET__INPUTS__GARAGE__MINIMUM_ACTIVE_SECONDS": "0",
    "PICKET__INPUTS__GARAGE__HOLD_SECONDS": "0.05",
}
ECHO = "bare MQTT echo through the same broker"


class Heard(NamedTuple):
    """A message and when it came: by the wall clock, as `time_ns` is, and by the monotonic one."""

    topic: str
    payload: bytes
    time_ns: int
    at: float


class Ear:
    """Keeps what a client hears."""

    def __init__(self) -> None:
        """Begin with nothing heard."""
        self.heard: list[Heard] = []

    def __call__(self, _client: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        """Note a message; what was retained is from before."""
        if not message.retain:
            self.heard.append(Heard(message.topic, bytes(message.payload), time.time_ns(), time.monotonic()))

    def on(self, topic: str) -> list[Heard]:
        """Return what came on a topic."""
        return [heard for heard in list(self.heard) if heard.topic == topic]


class Live:
    """Hears an input's new events on the bus itself, and how old they are then."""

    def __init__(self, config: Config, topic: str) -> None:
        """Subscribe."""
        self.milliseconds: list[float] = []
        self._context: zmq.Context[Any] = zmq.Context()
        self._subscriber = Subscriber(self._context, Endpoints.of(config), [topic], self._hear)

    def listen(self, seconds: float) -> None:
        """Hear what comes for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._subscriber.socket.poll(int(left * 1000) + 1)
            self._subscriber.receive()

    def close(self) -> None:
        """Hang up."""
        self._subscriber.close()
        self._context.term()

    def _hear(self, _topic: str, body: bytes) -> None:
        now_ns, event = time.time_ns(), json.loads(body)
        if event["type"] == "new":
            self.milliseconds.append((now_ns - event["time_ns"]) / 1e6)


def run() -> Iterator[Figure]:
    """Measure edges, then commands."""
    with running_release(**CRISP) as whole:
        yield from edges(whole)
        yield from commands(whole)


def edges(whole: Whole) -> Iterator[Figure]:
    """Let a loop trip again and again at odd moments; an edge is the event's own time, that of its sample."""
    dice = random.Random(1)
    steps = [1.0]
    for _ in range(EDGES):
        steps += [steps[-1] + dice.uniform(0.15, 0.25), steps[-1] + dice.uniform(0.4, 0.6)]
    config = config_of(whole)
    ear, live = Ear(), Live(config, "event.input.garage")
    with closing(live), client(whole.mqtt_port, "picket/demo/#", ear):
        progress(f"  {EDGES} edges, {steps[-1]:.0f} s")
        began = time.monotonic()  # a millisecond before the trace does, at most
        ask(config.simulator.control_port, {"op": "play", "input": "garage", "samples": trace(steps)})
        live.listen(steps[-1] + 1)
    events = news(ear)
    ons = [heard for heard in ear.on("picket/demo/input/garage/state") if heard.payload == b"ON"]
    case = f"{len(events)} edges of a loop, the whole release"
    yield from percentiles(case, "edge_to_bus", live.milliseconds)
    yield from percentiles(
        case, "edge_to_event_topic", [(heard.time_ns - event["time_ns"]) / 1e6 for heard, event in events]
    )
    yield from percentiles(
        case,
        "edge_to_state_topic",
        [(on.time_ns - event["time_ns"]) / 1e6 for on, (_, event) in zip(ons, events, strict=False)],
    )
    yield from percentiles(
        f"{case}, sampling included",
        "terminal_to_state_topic",
        [(on.at - began - step) * 1e3 for on, step in zip(ons, steps[:-1:2], strict=False)],
    )


def trace(steps: Sequence[float]) -> list[tuple[float, float]]:
    """Return volts that step to alarm and back, in turn, at these times."""
    samples, volts = [(0.0, NORMAL_VOLTS)], NORMAL_VOLTS
    for step in steps:
        other = ALARM_VOLTS if volts == NORMAL_VOLTS else NORMAL_VOLTS
        samples += [(step, volts), (step + STEP_SECONDS, other)]
        volts = other
    return samples


def news(ear: Ear) -> list[tuple[Heard, dict[str, Any]]]:
    """Return the events that began at the loop."""
    events = [(heard, json.loads(heard.payload)) for heard in ear.on("picket/demo/event")]
    return [(heard, event) for heard, event in events if (event["input"], event["type"]) == ("garage", "new")]


def commands(whole: Whole) -> Iterator[Figure]:
    """Switch the light on and off and look when the simulated chip's pin changed, an echo beside each command."""
    back = Ear()

    def echo(echoing: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        echoing.publish("bench/back", message.payload, qos=1)

    results = Ear()
    sent: list[float] = []
    echoes: list[float] = []
    with (
        client(whole.mqtt_port, "bench/there", echo),
        client(whole.mqtt_port, "bench/back", back) as asker,
        client(whole.mqtt_port, "picket/demo/output/light/result", results),
    ):
        progress(f"  {COMMANDS} commands and echoes, {2 * COMMANDS * PAUSE_SECONDS:.0f} s")
        for number in range(COMMANDS):
            sent.append(time.monotonic())
            asker.publish("picket/demo/output/light/set", ("ON", "OFF")[number % 2], qos=1)
            time.sleep(PAUSE_SECONDS)
            echoes.append(time.monotonic())
            asker.publish("bench/there", str(number), qos=1)
            time.sleep(PAUSE_SECONDS)
        until(lambda: len(back.heard) >= COMMANDS and len(results.heard) >= COMMANDS, 5)
    echo_ms = [(heard.at - echoes[int(heard.payload)]) * 1e3 for heard in back.heard]
    pin_ms = [(at - begin) * 1e3 for begin, at in following(sent, pin_changes(whole, "light"))]
    relay_ms = [latency for heard in results.heard if (latency := json.loads(heard.payload)["latency_ms"]) is not None]
    case = f"{len(pin_ms)} commands, the whole release"
    yield from percentiles(f"{len(echo_ms)} echoes", "echo", echo_ms)
    yield from percentiles(case, "command_to_pin", pin_ms, against=(ECHO, echo_ms))
    # From the gateway's receipt to the end of the chip's transfer, as the results say: the hub, the relay and the bus.
    yield from percentiles(case, "gateway_to_pin", relay_ms, against=("command_to_pin", pin_ms))


def pin_changes(whole: Whole, output: str) -> list[float]:
    """Return when an output's pin changed, by the monotonic clock that all processes share."""
    chips = ask(config_of(whole).simulator.control_port, {"op": "chips", "history": True})["chips"]
    levels = next(chip["levels"][output] for chip in chips if output in chip.get("levels", {}))
    return [level["seconds"] for level in levels]


def following(begins: Sequence[float], ats: Sequence[float]) -> list[tuple[float, float]]:
    """Pair each beginning with what came after it and before the next one; what has no pair is left out."""
    pairs = []
    for begin, end in pairwise([*begins, float("inf")]):
        after = [at for at in ats if begin <= at < end]
        pairs += [(begin, at) for at in after[:1]]
    return pairs


def percentiles(
    case: str, what: str, milliseconds: list[float], against: tuple[str, list[float]] | None = None
) -> Iterator[Figure]:
    """Yield the median and the 99th percentile, and what they are of a peer's."""
    for name, of in (("p50", p50), ("p99", p99)):
        value = of(milliseconds)
        peer, ratio = (against[0], value / of(against[1])) if against else (None, None)
        yield Figure(case=case, metric=f"{what}_{name}", value=value, unit="ms", against=peer, ratio=ratio)
