"""Two nodes at the broker, as boards would be: `shed` measures its climate, `gate` its contact and its battery.

<base>/<id>/status    online, offline (last will)                                 retained
<base>/<id>/info      {"board": ..., "version": ..., "quantities": {...}}         retained
<base>/<id>/reading   every READING_SECONDS, the gate also when its contact changes
<base>/<id>/log       a line at each start, a flood when it is to chatter
"""

import json
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from picket.config import Config
from picket_simulator.air import room
from picket_simulator.at_broker import AtBroker, Said
from picket_simulator.fault import FOREVER, Fault

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

    will = Said("status", b"offline", retain=True)

    def __init__(self, measure: Measure, quantities: Mapping[str, Any]) -> None:
        """Have said nothing yet."""
        self._measure = measure
        self._quantities = quantities
        self._said: tuple[float, float | None] = (float("-inf"), None)
        self.fault = Fault("offline", "garbage", "chatter")

    def is_away(self, now: float) -> bool:
        """Tell whether it is to be offline."""
        return self.fault.at(now) == "offline"

    def introduce(self) -> list[Said]:
        """Say what a board says that was switched on."""
        info = {"board": "simulated", "version": "1.0", "quantities": self._quantities}
        return [
            Said("status", b"online", retain=True),
            Said("info", json.dumps(info).encode(), retain=True),
            Said("log", b'{"level": "info", "text": "starts"}'),
        ]

    def say(self, now: float, wall: float) -> list[Said]:
        """Return what is due."""
        fault = self.fault.at(now)
        chatter = range(LINES_A_TICK if fault == "chatter" else 0)
        said = [Said("log", f"chatter {number}".encode()) for number in chatter]
        measured = self._measure(wall)
        said_at, was_open = self._said
        if now - said_at >= READING_SECONDS or measured.get("open") != was_open:
            self._said = (now, measured.get("open"))
            utc = datetime.fromtimestamp(wall, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            reading = json.dumps({**measured, "time": utc}).encode()
            said.append(Said("reading", random.choice(GARBAGE) if fault == "garbage" else reading))
        return said


class MqttNodes(AtBroker):
    """The nodes of the collectors that listen under `sim/`."""

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Dial nobody yet; a node goes by the name of its source, as `nodes_shed`."""
        self._nodes = {f"{collector}_{name}": Node(*node) for collector in collectors for name, node in NODES.items()}
        self.names = frozenset(self._nodes)
        super().__init__(
            config.mqtt,
            {
                f"{collector}-{name}": (f"{settings['base_topic']}/{name}", self._nodes[f"{collector}_{name}"])
                for collector, settings in collectors.items()
                for name in NODES
            },
        )

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a node misbehave; raises ValueError."""
        self._nodes[name].fault.begin(kind, time.monotonic(), seconds)


def serves(_config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector listens to the simulator's nodes."""
    return str(collector.get("base_topic", "")).startswith("sim/")
