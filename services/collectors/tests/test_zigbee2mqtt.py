"""Zigbee2MQTT: what its bridge says, and how it is heard when it says nothing, too much, or nonsense."""

import json
import random
import re
import time as real_time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.mqtt import Message
from picket_collectors.source import Part
from picket_collectors.zigbee_bridge import BRIDGE_SECONDS, MOST_STRANGERS, Bridge
from picket_collectors.zigbee_messages import MAX_LIST_BYTES, MAX_STATE_BYTES
from picket_collectors.zigbee_values import MOST_VALUES

CASES = sorted((Path(__file__).parent / "golden" / "zigbee2mqtt").iterdir())
NOON = 1_795_309_200_000_000_000  # 2026-11-22T01:00:00Z
CLIMATE = (
    b'[{"ieee_address":"0x01","friendly_name":"attic","definition":{"exposes":'
    b'[{"type":"numeric","property":"temperature","unit":"\xc2\xb0C","access":1}]}}]'
)


def played(case: Path) -> Iterator[Part]:
    """Yield the parts of a case's lines: messages, `at` a time, `after` some seconds."""
    bridge, now, wall_ns = Bridge("zigbee2mqtt", 0.0), 0.0, NOON
    for line in (case / "input.txt").read_text(encoding="utf-8").splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "retained" | "live":
                topic, _, payload = rest.partition(" = ")
                yield from bridge.hear(Message(topic, payload.encode(), word == "retained"), now, wall_ns)
            case "at":
                wall_ns = int(datetime.fromisoformat(rest).timestamp()) * 1_000_000_000
            case "after":
                now += float(rest)


def shown(part: Part) -> dict[str, Any]:
    """Return what a part says, and nothing of what it does not."""
    time = datetime.fromtimestamp(part.time_ns / 1e9, UTC).isoformat() if part.time_ns else ""
    row = {"part": part.name, "kind": part.kind, "values": dict(part.values), "switches": sorted(part.switches)}
    return {key: value for key, value in (row | {"fault": part.fault, "time": time}).items() if value}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_bridge_says_becomes_parts(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))

    assert [shown(part) for part in played(case)] == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_values_are_floats_whatever_the_bridge_writes(case: Path) -> None:
    for part in played(case):
        assert all(value is None or type(value) is float for value in part.values.values())
        assert part.switches <= part.values.keys()


def heard(bridge: Bridge, topic: str, payload: bytes, *, retained: bool = False, now: float = 0.0) -> list[Part]:
    return bridge.hear(Message(f"zigbee2mqtt/{topic}", payload, retained), now, NOON)


@pytest.fixture
def bridge() -> Bridge:
    """A bridge that is online, with one device."""
    bridge = Bridge("zigbee2mqtt", 0.0)
    heard(bridge, "bridge/state", b'{"state":"online"}', retained=True)
    heard(bridge, "bridge/devices", CLIMATE, retained=True)
    return bridge


# The bridge


def test_a_bridge_that_is_not_heard_is_a_fault_once_and_its_state_ends_it() -> None:
    bridge = Bridge("zigbee2mqtt", 100.0)

    assert bridge.due(100.0 + BRIDGE_SECONDS - 0.1) == []
    (fault,) = bridge.due(100.0 + BRIDGE_SECONDS)
    assert (fault.name, fault.fault.startswith("nothing was heard on zigbee2mqtt/bridge/state")) == ("bridge", True)
    assert bridge.due(200.0) == []

    assert heard(bridge, "bridge/state", b'{"state":"online"}') == [Part("bridge", "bridge")]
    assert bridge.due(300.0) == []


def test_a_bridge_that_is_offline_is_a_fault_of_its_own_and_not_of_the_source(bridge: Bridge) -> None:
    offline = heard(bridge, "bridge/state", b'{"state":"offline"}')
    again = heard(bridge, "bridge/state", b"offline")
    online = heard(bridge, "bridge/state", b"online")

    assert [part.fault for part in offline + again + online] == ["Zigbee2MQTT is offline", ""]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[{", id="cut"),
        pytest.param(b'{"devices":[]}', id="no-list"),
        pytest.param(b"\xff\xfe", id="no-text"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b"[" + b" " * MAX_LIST_BYTES + b"]", id="too-long"),
    ],
)
def test_a_list_that_can_not_be_read_is_said_and_the_one_before_is_kept(bridge: Bridge, payload: bytes) -> None:
    (fault,) = heard(bridge, "bridge/devices", payload)
    (reading,) = heard(bridge, "attic", b'{"temperature":21}')
    again = heard(bridge, "bridge/devices", CLIMATE)

    assert "list of devices can't be read" in fault.fault
    assert reading.kind == "climate"
    assert again == [Part("bridge", "bridge")]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param("5", id="number"),
        pytest.param("null", id="null"),
        pytest.param('{"friendly_name":"x"}', id="no-address"),
        pytest.param('{"ieee_address":"0x02","friendly_name":7}', id="a-name-that-is-none"),
        pytest.param('{"ieee_address":"0x02","friendly_name":"#"}', id="a-name-that-is-a-wildcard"),
        pytest.param('{"ieee_address":"0x02","friendly_name":""}', id="no-name"),
        pytest.param('{"ieee_address":"0x02","friendly_name":"x","definition":{"exposes":{}}}', id="exposes"),
        pytest.param(
            '{"ieee_address":"0x02","friendly_name":"x","definition":' + "[" * 5000 + "]" * 5000 + "}", id="deep"
        ),
    ],
)
def test_an_odd_device_of_the_list_costs_no_other(odd: str) -> None:
    bridge = Bridge("zigbee2mqtt", 0.0)

    heard(bridge, "bridge/devices", b"[" + odd.encode() + b"," + CLIMATE[1:])

    assert heard(bridge, "attic", b'{"temperature":21}') == [Part("attic", "climate", {"temperature_c": 21.0})]
    assert not [topic for topic in bridge.topics() if "#" in topic]


def test_a_list_of_a_megabyte_is_read_quickly() -> None:
    described = {"type": "numeric", "property": "temperature", "unit": "°C", "access": 1, "description": "x" * 300}
    listed = [
        {"ieee_address": f"0x{n:04x}", "friendly_name": f"room/{n}", "definition": {"exposes": [described] * 10}}
        for n in range(300)
    ]
    payload = json.dumps(listed).encode()
    assert len(payload) > 1_000_000
    bridge = Bridge("zigbee2mqtt", 0.0)

    began = real_time.process_time()
    heard(bridge, "bridge/devices", payload, retained=True)

    assert real_time.process_time() - began < 1.0
    assert heard(bridge, "room/7", b'{"temperature":21}')[0].name == "room_7"
    assert "zigbee2mqtt/room/7/availability" in bridge.topics()


# A device


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"nonsense", id="no-json"),
        pytest.param(b'{"temperature":2', id="cut"),
        pytest.param(b'["temperature"]', id="no-object"),
        pytest.param(b"21.5", id="a-number"),
        pytest.param(b'{"temperature":NaN}', id="nan"),
        pytest.param(b'{"temperature":Infinity}', id="infinity"),
        pytest.param(b'{"temperature":1e999}', id="no-float"),
        pytest.param(b"\xff" * 10, id="no-text"),
        pytest.param(b'{"a":' * 10_000, id="deep"),
        pytest.param(json.dumps({f"k{n}": n for n in range(1_000_000)}).encode(), id="a-million-keys"),
        pytest.param(b'{"temperature":21,"x":"' + b"x" * MAX_STATE_BYTES + b'"}', id="too-long"),
    ],
)
def test_garbage_is_that_device_s_fault_until_it_speaks_sense(bridge: Bridge, payload: bytes) -> None:
    (fault,) = heard(bridge, "attic", payload)
    (reading,) = heard(bridge, "attic", b'{"temperature":21}')

    assert (fault.name, "no JSON" in fault.fault) == ("attic", True)
    assert reading == Part("attic", "climate", {"temperature_c": 21.0})
    assert bridge.figures()["unreadable"] == 1


@pytest.mark.parametrize(
    ("given", "values"),
    [
        pytest.param("null", {"temperature_c": None}, id="null"),
        pytest.param("0", {"temperature_c": 0.0}, id="zero"),
        pytest.param("-0.0", {"temperature_c": 0.0}, id="minus-zero"),
        pytest.param("9" * 400, {"temperature_c": float("inf")}, id="no-float-holds-it"),
    ],
)
def test_odd_numbers(bridge: Bridge, given: str, values: Mapping[str, float | None]) -> None:
    (part,) = heard(bridge, "attic", b'{"temperature":' + given.encode() + b"}")

    assert part.values == values


@pytest.mark.parametrize("given", ['"21"', "true", "[21]", '{"value":21}'])
def test_what_is_no_number_is_no_temperature(bridge: Bridge, given: str) -> None:
    assert heard(bridge, "attic", b'{"temperature":' + given.encode() + b"}") == []


def test_a_device_that_makes_up_names_is_bounded(bridge: Bridge) -> None:
    (part,) = heard(bridge, "attic", json.dumps({f"k{n}": n for n in range(1000)}).encode())

    assert len(part.values) == MOST_VALUES


def test_whatever_is_said_nothing_is_raised_and_little_is_kept() -> None:
    bridge, dice = Bridge("zigbee2mqtt", 0.0), random.Random(7)
    lines = [line for case in CASES for line in (case / "input.txt").read_text(encoding="utf-8").splitlines()]
    said = [line.split(" ", 1)[1].partition(" = ")[::2] for line in lines if line.startswith(("live", "retained"))]

    for now in range(20_000):
        topic, text = dice.choice(said)[0], dice.choice(said)[1]
        payload = bytearray(text.encode())
        for _ in range(dice.choice((0, 0, 1, 3)) if payload else 0):
            payload[dice.randrange(len(payload))] = dice.choice(b'{}[]",:0e-9\xff')
        for part in bridge.hear(Message(topic, bytes(payload), dice.random() < 0.3), now, NOON):
            assert re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", part.name)
            assert all(re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name) for name in part.values)
            assert all(value is None or isinstance(value, float) for value in part.values.values())
        bridge.due(now)

    assert len(bridge.topics()) < 100


def test_names_that_are_made_up_are_bounded(bridge: Bridge) -> None:
    parts = [part for n in range(1000) for part in heard(bridge, f"x{n}", b'{"temperature":21}')]

    assert len(parts) == MOST_STRANGERS
    assert heard(bridge, "attic", b'{"temperature":21}')


def test_a_device_that_is_away_and_back_is_a_fault_and_its_end(bridge: Bridge) -> None:
    away = heard(bridge, "attic/availability", b'{"state":"offline"}', retained=True)
    offline = bridge.figures()["devices_offline"]
    back = heard(bridge, "attic/availability", b'{"state":"online"}')
    nonsense = heard(bridge, "attic/availability", b'{"state":"perhaps"}')

    assert away == [Part("attic", "climate", fault="offline")]
    assert (offline, bridge.figures()["devices_offline"]) == (1, 0)
    assert back == [Part("attic", "climate")]
    assert nonsense == []
    assert bridge.figures()["unreadable"] == 1


def test_a_device_that_is_removed_takes_its_fault_with_it(bridge: Bridge) -> None:
    heard(bridge, "attic/availability", b"offline")

    assert heard(bridge, "bridge/devices", b"[]") == [Part("attic", "climate")]
    assert bridge.figures() == {"devices": 0, "devices_offline": 0, "unreadable": 0}
