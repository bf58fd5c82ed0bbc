"""The collector as a process, with a real hub, a real broker, and a bridge that speaks like a real one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Reading, decode
from picket_simulator.zigbee_bridge import ZigbeeBridges
from tests.servers.mosquitto import PROGRAM, Mosquitto
from tests.servers.mqtt import Observer
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed"),
]
PATIENCE_SECONDS = 90.0
ZIGBEE = {"kind": "zigbee2mqtt", "base_topic": "sim/zigbee2mqtt", "interval_seconds": 1}


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A hub and the collector; there is no broker yet."""
    with Release(tmp_path, collectors={"zigbee": ZIGBEE}) as release:
        release.start_hub()
        release.start("picket_collectors", "zigbee", name="zigbee")
        yield release


@pytest.fixture
def broker(release: Release) -> Iterator[Mosquitto]:
    with Mosquitto(release.folder, release.mqtt_port) as broker:
        yield broker


@pytest.fixture
def bridges(release: Release, broker: Mosquitto) -> Iterator[ZigbeeBridges]:  # noqa: ARG001
    with ZigbeeBridges(release.config, {"zigbee": ZIGBEE}) as bridges:
        yield bridges


def readings(release: Release, source: str) -> list[Reading]:
    found = [decode(entry.topic, entry.body) for entry in release.journal(f"reading.{source}")]
    return [message for message in found if isinstance(message, Reading)]


def faults(release: Release) -> list[tuple[str, str]]:
    found: list[Any] = [decode(entry.topic, entry.body) for entry in release.journal("fault.collectors.zigbee")]
    return [(fault.subject, fault.state) for fault in found if fault.subject != "source"]


def test_what_the_devices_say_reaches_the_journal(release: Release, bridges: ZigbeeBridges) -> None:  # noqa: ARG001
    climate, door, plug = (
        wait_for(name, lambda name=name: readings(release, name), PATIENCE_SECONDS)[0]  # type: ignore[misc]
        for name in ("zigbee_attic_climate", "zigbee_back_door", "zigbee_plug")
    )

    assert (climate.kind, door.kind, plug.kind) == ("climate", "contact", "energy")
    assert climate.values["battery_percent"] is climate.values["voltage_v"] is None
    assert climate.values["pressure_hpa"] == pytest.approx(1013, abs=10)
    assert door.values["voltage_v"] == 2.985
    assert door.values["open"] in (0.0, 1.0)
    assert plug.values.keys() == {"current_a", "energy_wh", "link_quality", "power_w", "on", "voltage_v"}
    assert faults(release) == []


def test_a_door_is_said_when_it_moves_and_not_at_the_next_interval(tmp_path: Path) -> None:
    def moved(*contacts: str) -> list[float | None]:
        before = len(readings(release, "zigbee_door"))
        for contact in contacts:
            person.publish("sim/zigbee2mqtt/door", f'{{"battery":90,"contact":{contact}}}')
        wait_for("its state", lambda: len(readings(release, "zigbee_door")) > before, PATIENCE_SECONDS)
        return [reading.values["open"] for reading in readings(release, "zigbee_door")]

    with Release(tmp_path, collectors={"zigbee": {**ZIGBEE, "interval_seconds": 3600}}) as release:
        broker = Mosquitto(release.folder, release.mqtt_port)
        broker.start()
        release.start_hub()
        release.start("picket_collectors", "zigbee", name="zigbee")
        person = Observer(release.mqtt_port)
        try:
            wait_for("the collector", lambda: faults(release) == [("bridge", "begin")], PATIENCE_SECONDS)
            first = moved("false")
            later = moved("false", "false", "true")
            last = moved("true", "true", "false")
        finally:
            person.close()
            broker.kill()

    assert (first, later, last) == ([1.0], [1.0, 0.0], [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("target", "kind", "subject"),
    [
        pytest.param("zigbee", "offline", "bridge", id="the-bridge-is-offline"),
        pytest.param("zigbee_plug", "offline", "plug", id="a-device-is-offline"),
        pytest.param("zigbee_plug", "garbage", "plug", id="a-device-says-garbage"),
    ],
)
def test_a_fault_begins_and_ends_once_and_the_others_go_on(
    release: Release, bridges: ZigbeeBridges, target: str, kind: str, subject: str
) -> None:
    wait_for("a reading", lambda: readings(release, "zigbee_plug"), PATIENCE_SECONDS)

    bridges.fault(target, kind)
    wait_for("the fault", lambda: faults(release) == [(subject, "begin")], PATIENCE_SECONDS)
    before = len(readings(release, "zigbee_attic_climate"))
    if target != "zigbee":
        wait_for("the others", lambda: len(readings(release, "zigbee_attic_climate")) > before, PATIENCE_SECONDS)
    bridges.fault(target, "clear")

    wait_for("its end", lambda: faults(release) == [(subject, "begin"), (subject, "end")], PATIENCE_SECONDS)


def test_a_broker_that_is_lost_is_found_again(
    release: Release,
    broker: Mosquitto,
    bridges: ZigbeeBridges,  # noqa: ARG001
) -> None:
    wait_for("a reading", lambda: readings(release, "zigbee_plug"), PATIENCE_SECONDS)

    broker.kill()
    wait_for(
        "the loss", lambda: "source" in release.log("zigbee") and "broker" in release.log("zigbee"), PATIENCE_SECONDS
    )
    before = len(readings(release, "zigbee_plug"))
    broker.start()

    wait_for("readings again", lambda: len(readings(release, "zigbee_plug")) > before, PATIENCE_SECONDS)
    assert "Traceback" not in release.log("zigbee")


def test_a_bridge_that_is_not_there_is_said(release: Release, broker: Mosquitto) -> None:  # noqa: ARG001
    wait_for("the fault", lambda: faults(release) == [("bridge", "begin")], PATIENCE_SECONDS)

    assert "nothing was heard on sim/zigbee2mqtt/bridge/state" in release.log("zigbee")
