"""Two nodes at the broker, as boards would be: `shed` measures its climate, `gate` its contact and its battery.

<base>/<id>/status    online, offline (last will)                                 retained
<base>/<id>/info      {"board": ..., "version": ..., "quantities": {...}}         retained
<base>/<id>/reading   every READING_SECONDS, the gate also when its contact changes
<base>/<id>/log       a line at each start, a flood when it is to chatter
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

from picket.config import Config
from picket_simulator.air import room
from picket_simulator.mqtt_client import MqttClient, Will

FAULTS = ("offline", "garbage", "chatter", "clear")
FOREVER = float("inf")
TICK_SECONDS = 0.2
READING_SECONDS = 5.0
LINES_A_TICK = 20
OPEN_SECONDS, CLOSED_SECONDS = 10.0, 50.0  # a gate through which somebody goes once a minute
BATTERY_SECONDS = 30 * 86_400.0
COLDER_C, DAMPER_PERCENT = 8.0, 15.0  # a shed than a room
GARBAGE = (b'{"temperature_c": "warm", "open": [1]}', b"\xff\x00 21.5", b'{"temperature_c": 1e9, "humidity_percent":}')

Measure = Callable[[float], dict[str, float]]


def shed(now: float) -> dict[str, float]:
    """Measure the climate of a shed."""
    air = room(now)
    climate = {"temperature_c": air.temperature_c - COLDER_C, "humidity_percent": air.humidity_percent + DAMPER_PERCENT}
    return {quantity: round(value, 2) for quantity, value in climate.items()}


def gate(now: float) -> dict[str, float]:
    """Look at the contact of a gate, and at the battery of what looks."""
    is_open = now % (CLOSED_SECONDS + OPEN_SECONDS) >= CLOSED_SECONDS
    return {"open": int(is_open), "battery_percent": round(100 * (1 - now % BATTERY_SECONDS / BATTERY_SECONDS), 1)}


NODES: Mapping[str, tuple[Measure, dict[str, Any]]] = {
    "shed": (shed, {"temperature_c": [-40, 85], "humidity_percent": [0, 100]}),
    "gate": (gate, {"open": None, "battery_percent": [0, 100]}),
}


class Node:
    """What one node says; time is an argument."""

    def __init__(self, measure: Measure) -> None:
        """Have said nothing yet."""
        self._measure = measure
        self._said: tuple[float, float | None] = (float("-inf"), None)
        self._fault = ("clear", FOREVER)

    def fault(self, kind: str, now: float, seconds: float = FOREVER) -> None:
        """Be offline, send garbage, chatter, or clear that; raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"expected a fault of {', '.join(FAULTS)}, got {kind}")
        self._fault = (kind, now + seconds)

    def fault_at(self, now: float) -> str:
        """Name its fault at a time."""
        kind, until = self._fault
        return kind if now < until else "clear"

    def say(self, now: float, wall: float) -> list[tuple[str, bytes]]:
        """Return what is due: the ends of topics, and payloads."""
        fault = self.fault_at(now)
        said = [("log", f"chatter {number}".encode()) for number in range(LINES_A_TICK)] if fault == "chatter" else []
        measured = self._measure(wall)
        said_at, was_open = self._said
        if now - said_at >= READING_SECONDS or measured.get("open") != was_open:
            self._said = (now, measured.get("open"))
            utc = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            reading = json.dumps({**measured, "time": utc}).encode()
            said.append(("reading", random.choice(GARBAGE) if fault == "garbage" else reading))
        return said


class AtBroker(NamedTuple):
    """A node, its connection, and where its topics begin."""

    node: Node
    client: MqttClient
    topic: str


class MqttNodes:
    """The nodes of the collectors that listen under `sim/`."""

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Dial nobody yet; a node goes by the name of its source, as `nodes_shed`."""
        self._nodes: dict[str, AtBroker] = {}
        for collector, settings in collectors.items():
            for name, (measure, quantities) in NODES.items():
                topic = f"{settings['base_topic']}/{name}"
                client = MqttClient(
                    config.mqtt,
                    f"{collector}-{name}",
                    connected=partial(self._introduce, f"{collector}_{name}", quantities),
                    will=Will(f"{topic}/status", b"offline"),
                )
                self._nodes[f"{collector}_{name}"] = AtBroker(Node(measure), client, topic)
        self.names = frozenset(self._nodes)
        self._away: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nodes", daemon=True)

    def __enter__(self) -> "MqttNodes":
        """Switch them on."""
        for at_broker in self._nodes.values():
            at_broker.client.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take their power away."""
        self._stopping.set()
        self._thread.join()
        for at_broker in self._nodes.values():
            at_broker.client.vanish()

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a node misbehave; raises ValueError."""
        self._nodes[name][0].fault(kind, time.monotonic(), seconds)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            now, wall = time.monotonic(), time.time()
            for name, (node, client, topic) in self._nodes.items():
                away = node.fault_at(now) == "offline"
                if away != (name in self._away):
                    self._away ^= {name}
                    if away:
                        client.vanish()
                    else:
                        client.start()
                if not away:
                    for end, payload in node.say(now, wall):
                        client.publish(f"{topic}/{end}", payload)

    def _introduce(self, name: str, quantities: dict[str, Any]) -> None:
        _, client, topic = self._nodes[name]
        info = {"board": "simulated", "version": "1.0", "quantities": quantities}
        client.publish(f"{topic}/status", b"online", retain=True)
        client.publish(f"{topic}/info", json.dumps(info).encode(), retain=True)
        client.publish(f"{topic}/log", b'{"level": "info", "text": "starts"}')


def serves(_config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector listens to the simulator's nodes."""
    return str(collector.get("base_topic", "")).startswith("sim/")
