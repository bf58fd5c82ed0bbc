"""The simulated Zigbee2MQTT, by the time that it is given."""

import json
from itertools import pairwise
from typing import Any

import pytest

from picket_simulator.at_broker import Said
from picket_simulator.zigbee_bridge import STATE_SECONDS, ZigbeeBridge
from picket_simulator.zigbee_devices import CLOSED_SECONDS, DEVICES

WALL = 1_795_309_200.0


def played(bridge: ZigbeeBridge, seconds: float, begin: float = 0.0) -> list[Said]:
    ticks = range(int(begin * 5), int((begin + seconds) * 5))
    return [said for tick in ticks for said in bridge.say(tick / 5, WALL + tick / 5)]


def on(topic: str, said: list[Said]) -> list[Any]:
    return [json.loads(one.payload) for one in said if one.topic == topic]


def test_it_introduces_itself_as_a_real_one_does() -> None:
    said = ZigbeeBridge().introduce()

    assert all(one.retain for one in said)
    assert [one.topic for one in said[:3]] == ["bridge/state", "bridge/devices", "bridge/groups"]
    assert {entry["friendly_name"] for entry in on("bridge/devices", said)[0]} == {d.name for d in DEVICES.values()}
    assert on("Back door/availability", said) == [{"state": "online"}]


def test_each_device_says_what_it_exposes() -> None:
    said = played(ZigbeeBridge(), 2 * STATE_SECONDS)

    for device in DEVICES.values():
        flat = [feature for expose in device.exposes for feature in expose.get("features", [expose])]
        (first, *_) = on(device.name, said)
        assert set(first) - {"last_seen", "update"} == {expose["property"] for expose in flat}
    assert len(on("plug", said)) == 2
    assert on("attic/climate", said)[0]["battery"] is None


def test_the_door_is_said_at_once_when_it_moves() -> None:
    said = on("Back door", played(ZigbeeBridge(), 60))

    moves = sum(one["contact"] != other["contact"] for one, other in pairwise(said))
    assert moves in (2, 3)
    assert len(said) > 60 / CLOSED_SECONDS + 60 / STATE_SECONDS - 2


def test_the_energy_never_falls() -> None:
    used = [DEVICES["plug"].state(WALL + second)["energy"] for second in range(0, 2000, 5)]

    assert used == sorted(used)
    assert used[-1] > used[0]


@pytest.mark.parametrize("seconds", [20.0, float("inf")], ids=["for-a-while", "for-good"])
def test_a_device_that_is_offline_is_silent(seconds: float) -> None:
    bridge = ZigbeeBridge()
    played(bridge, 10)
    bridge.faults["plug"].begin("offline", 10.0, seconds)

    away, later = played(bridge, 20, 10), played(bridge, 20, 30)

    assert on("plug/availability", away) == [{"state": "offline"}]
    assert not on("plug", away)
    assert on("attic/climate", away)
    assert bool(on("plug", later)) is (seconds == 20)
    assert on("plug/availability", later) == ([{"state": "online"}] if seconds == 20 else [])


def test_garbage_is_none_that_can_be_read() -> None:
    bridge = ZigbeeBridge()
    bridge.faults["plug"].begin("garbage", 0.0)

    spoiled = [one.payload for one in played(bridge, 60) if one.topic == "plug"]

    assert spoiled
    assert not any(payload.startswith(b'{"current"') for payload in spoiled)


def test_a_fault_that_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a fault of offline, garbage, clear, got unplug"):
        ZigbeeBridge().faults["plug"].begin("unplug", 0.0)
