"""The simulated nodes: what they say by themselves, and with a fault; and at a real broker."""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from picket.config import Config
from picket.config.schema import Mqtt
from picket_simulator.mqtt_node import NODES, MqttNodes, Node
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports

WALL = 1_772_346_600.0  # 2026-03-01T06:30:00Z, the gate closed


def say(node: Node, seconds: float) -> list[tuple[float, str, bytes]]:
    """Let a node speak for so long."""
    ticks = [tick / 5 for tick in range(round(seconds * 5))]
    return [(now, said.topic, said.payload) for now in ticks for said in node.say(now, WALL + now)]


def test_a_shed_tells_its_climate_every_five_seconds() -> None:
    said = say(Node(*NODES["shed"]), 12)

    assert [(now, end) for now, end, _ in said] == [(0.0, "reading"), (5.0, "reading"), (10.0, "reading")]
    reading = json.loads(said[1][2])
    assert reading.pop("time") == "2026-03-01T06:30:05Z"
    assert reading.keys() == NODES["shed"][1].keys()


def test_a_gate_tells_at_once_when_it_opens() -> None:
    said = [(now, json.loads(payload)["open"]) for now, _, payload in say(Node(*NODES["gate"]), 62)]

    changes = [now for (_, before), (now, after) in pairwise(said) if before != after]
    assert changes == [50.0, 60.0]


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        pytest.param("garbage", {"reading"}, id="garbage"),
        pytest.param("chatter", {"reading", "log"}, id="chatter"),
        pytest.param("clear", {"reading"}, id="clear"),
    ],
)
def test_faults_begin_and_end(kind: str, ends: set[str]) -> None:
    node = Node(*NODES["shed"])

    node.fault.begin(kind, now=0.0, seconds=3.0)

    said = say(node, 10)
    assert {end for _, end, _ in said} == ends
    assert {end for now, end, _ in said if now > 3} == {"reading"}
    assert json.loads(said[-1][2])["temperature_c"] == pytest.approx(13, abs=3)


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a fault of offline, garbage, chatter, clear, got nack"):
        Node(*NODES["shed"]).fault.begin("nack", 0.0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    (port,) = free_ports(1)
    mosquitto = Mosquitto(tmp_path, port)
    mosquitto.start()
    yield port
    mosquitto.stop()


@pytest.mark.slow
def test_at_a_broker_they_are_born_and_die_and_come_back(broker: int) -> None:
    config = Config(device="demo", mqtt=Mqtt(port=broker))
    observer = Observer(broker)
    with MqttNodes(config, {"nodes": {"kind": "nodes", "base_topic": "sim/node"}}) as nodes:
        observer.wait("sim/node/shed/status", "online")
        observer.wait("sim/node/gate/reading")
        assert observer.wait("sim/node/shed/info").json["quantities"] == NODES["shed"][1]

        nodes.fault("nodes_shed", "offline")
        observer.wait("sim/node/shed/status", "offline")
        nodes.fault("nodes_shed", "clear")
        observer.wait("sim/node/shed/status", "online", count=2)
    observer.wait("sim/node/gate/status", "offline")
    observer.close()
