"""How exact the output guard is: a pulse's end on sixteen outputs at once, and from an MQTT command to its pin.

Pins are read from the simulated chips' own history. mqtt-io drives the board's second chip in the same run: same
broker, same bus, same moments.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from typing import NamedTuple

import paho.mqtt.client as mqtt
import yaml
import zmq

from picket.bus import Endpoints
from picket.bus.producer import Producer
from picket.messages import Reading
from picket_simulator.command import ask
from tests.bench.figures import Figure, p50, p99, progress
from tests.bench.latency import ECHO, PAUSE_SECONDS, Ear, following
from tests.bench.peer_mqtt_io import TOPICS, running_mqtt_io
from tests.bench.whole_release import client, config_of, until, whole_release
from tests.servers.whole import Whole

CHIP, PEER_CHIP = 0x20, 0x21
OUTPUTS = ("siren", "light", *(f"relay_{number}" for number in range(3, 16)), "door")  # the demo's keep their pins
PULSE_SECONDS = 0.1
ROUNDS = 40
ROUND_SECONDS = 0.35
COMMANDS = 300
READINGS_PER_SECOND = 2_000


class Edge(NamedTuple):
    """A pin that changed, by the monotonic clock that all processes share."""

    at: float
    high: bool


def run() -> Iterator[Figure]:
    """Measure pulses idle and under load, then commands."""
    with whole_release() as whole:
        give_sixteen_outputs(whole)
        progress("  the release starts")
        whole.start().close()
        bus = config_of(whole).io_boards["main"].bus
        with running_mqtt_io(whole.mqtt_port, bus, PEER_CHIP, OUTPUTS) as version:
            peer = f"mqtt-io {version} on the same bus" if version else ""
            yield from pulses(whole, "idle", peer)
            with load(whole):
                yield from pulses(whole, f"{READINGS_PER_SECOND} readings/s through the hub", peer)
            time.sleep(1)
            yield from commands(whole, peer)


def give_sixteen_outputs(whole: Whole) -> None:
    """Put an output on each pin of the board's first chip."""
    file = whole.folder / "config" / "picket.yaml"
    content = yaml.safe_load(file.read_text())
    content["outputs"] = {name: {"pin": pin, "max_on_seconds": 10} for pin, name in enumerate(OUTPUTS, 1)}
    file.write_text(yaml.safe_dump(content))


def pulses(whole: Whole, state: str, peer: str) -> Iterator[Figure]:
    """Pulse all outputs at once, again and again; the error is by how much a pulse was too long or too short."""
    asked = ROUNDS * len(OUTPUTS)
    roots = ["picket/demo/output", f"{TOPICS}/output"] if peer else ["picket/demo/output"]
    progress(f"  {asked} pulses each, {state}, {len(roots) * ROUNDS * ROUND_SECONDS:.0f} s")
    began = time.monotonic()
    with client(whole.mqtt_port, "bench/nothing", lambda *_: None) as asker:
        for _ in range(ROUNDS):
            for root in roots:
                pulse_all(asker, root)
    case = f"{PULSE_SECONDS * 1000:g} ms on {len(OUTPUTS)} outputs at once, {state}"
    ours = errors_ms(edges(whole, CHIP, began))
    theirs = errors_ms(edges(whole, PEER_CHIP, began)) if peer else []
    for who, found in (("pulses_seen", ours), ("peer_pulses_seen", theirs)):
        if found:
            yield Figure(
                case=case, metric=who, value=len(found), unit="", against="asked for", ratio=len(found) / asked
            )
    for name, of in (("p50", p50), ("p99", p99), ("max", max)):
        against = (peer, of(ours) / of(theirs)) if theirs else (None, None)
        yield Figure(
            case=case,
            metric=f"pulse_end_error_{name}",
            value=of(ours),
            unit="ms",
            against=against[0],
            ratio=against[1],
        )


def pulse_all(asker: mqtt.Client, root: str) -> None:
    """Pulse every output, and wait until all is over."""
    for name in OUTPUTS:
        asker.publish(f"{root}/{name}/set_on_ms", f"{PULSE_SECONDS * 1000:.0f}", qos=1)
    time.sleep(ROUND_SECONDS)


def errors_ms(pins: Mapping[str, Sequence[Edge]]) -> list[float]:
    """Return of each pulse how far its length was from what was asked."""
    return [
        abs(off.at - on.at - PULSE_SECONDS) * 1e3
        for pin in pins.values()
        for on, off in pairwise(pin)
        if on.high and not off.high
    ]


def commands(whole: Whole, peer: str) -> Iterator[Figure]:
    """Switch an output of each on and off, an echo beside each command."""
    back = Ear()

    def echo(echoing: mqtt.Client, message: mqtt.MQTTMessage) -> None:
        echoing.publish("bench/back", message.payload, qos=1)

    ours: list[float] = []
    theirs: list[float] = []
    echoes: list[float] = []
    rounds = [(ours, "picket/demo/output/light/set"), (echoes, "bench/there")]
    if peer:
        rounds.append((theirs, f"{TOPICS}/output/light/set"))
    progress(f"  {COMMANDS} commands and echoes, {len(rounds) * COMMANDS * PAUSE_SECONDS:.0f} s")
    began = time.monotonic()
    with (
        client(whole.mqtt_port, "bench/there", echo),
        client(whole.mqtt_port, "bench/back", back) as asker,
    ):
        for number in range(COMMANDS):
            for sent, topic in rounds:
                sent.append(time.monotonic())
                asker.publish(topic, str(number) if topic == "bench/there" else ("ON", "OFF")[number % 2], qos=1)
                time.sleep(PAUSE_SECONDS)
        until(lambda: len(back.heard) >= COMMANDS, 5)
    echo_ms = [(heard.at - echoes[int(heard.payload)]) * 1e3 for heard in back.heard]
    pin_ms = to_pin_ms(ours, edges(whole, CHIP, began)["light"])
    yield from percentiles(f"{len(pin_ms)} commands", "command_to_pin", pin_ms, ECHO, echo_ms)
    if peer:
        peer_ms = to_pin_ms(theirs, edges(whole, PEER_CHIP, began)["light"])
        yield from percentiles(
            f"{len(pin_ms)} commands, {len(peer_ms)} of the peer", "command_to_pin", pin_ms, peer, peer_ms
        )


def percentiles(case: str, what: str, ms: list[float], against: str, against_ms: list[float]) -> Iterator[Figure]:
    """Yield median and 99th percentile, and what they are of a peer's."""
    for name, of in (("p50", p50), ("p99", p99)):
        yield Figure(
            case=case, metric=f"{what}_{name}", value=of(ms), unit="ms", against=against, ratio=of(ms) / of(against_ms)
        )


def to_pin_ms(sent: Sequence[float], pin: Sequence[Edge]) -> list[float]:
    """Return how long each command took to its pin."""
    return [(at - begin) * 1e3 for begin, at in following(sent, [edge.at for edge in pin])]


def edges(whole: Whole, address: int, since: float) -> dict[str, list[Edge]]:
    """Return each pin's changes by what was written to the latch of a chip; both have an output on every pin."""
    chips = ask(config_of(whole).simulator.control_port, {"op": "chips", "history": True})["chips"]
    writes = next(chip["writes"] for chip in chips if int(chip["address"], 16) == address)
    found: dict[str, list[Edge]] = {name: [] for name in OUTPUTS}
    latch = {"OLATA": 0, "OLATB": 0}
    for write in writes:
        register = write["register"]
        if register not in latch:
            continue
        changed, latch[register] = latch[register] ^ write["value"], write["value"]
        first = 0 if register == "OLATA" else 8
        for bit in range(8):
            if changed >> bit & 1 and write["seconds"] >= since:
                found[OUTPUTS[first + bit]].append(Edge(write["seconds"], bool(latch[register] >> bit & 1)))
    return found


@contextmanager
def load(whole: Whole) -> Iterator[None]:
    """Have another process send readings, the whole release (its sampling, its gateway) at work as ever."""
    spawn = get_context("spawn")
    stop = spawn.Event()
    hub = config_of(whole).hub
    sender = spawn.Process(target=send, args=((hub.host, hub.ingest_port, hub.live_port, hub.request_port), stop))
    sender.start()
    time.sleep(1)
    try:
        yield
    finally:
        stop.set()
        sender.join(20)


def send(hub: tuple[str, int, int, int], stop: Event) -> None:
    """Send so many readings a second until told to stop."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    producer = Producer(context, Endpoints(*hub), "bench", "demo")
    begin, sent = time.monotonic(), 0
    while not stop.is_set():
        due = int((time.monotonic() - begin) * READINGS_PER_SECOND)
        for number in range(sent, due):
            values: dict[str, float | None] = {"pm25": 7.4, "pm10": float(number)}
            producer.publish(
                "reading.bench", Reading(time_ns=time.time_ns(), source="bench", kind="air", values=values)
            )
        sent = due
        producer.tick()
        stop.wait(0.005)
    progress(f"  the load: {sent / (time.monotonic() - begin):.0f} readings/s, {producer.dropped} dropped")
    producer.close()
    context.term()
