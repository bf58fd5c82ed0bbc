"""A real Zigbee2MQTT at the release's own broker, as an account of its own: frames of the air in, readings out.

It comes from npm, with the node that runs it (271 MB, kept in the user's cache): `make soak`.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Reading, decode
from picket_mosquitto.files import write
from tests.servers.mosquitto import PROGRAM
from tests.servers.npm import NotInstalledError
from tests.servers.release import Release
from tests.servers.waiting import wait_for
from tests.servers.zigbee2mqtt import CLIMATE, DOOR, MOTION, PLUG, Zigbee2Mqtt, install

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not os.environ.get("PICKET_SOAK"), reason="271 MB from npm: make soak"),
    pytest.mark.skipif(not PROGRAM, reason="mosquitto is not installed"),
]
PATIENCE_SECONDS = 40.0
TEMPERATURE, PRESSURE, HUMIDITY, ON_OFF, OCCUPANCY, ELECTRICAL, METERING = 1026, 1027, 1029, 6, 1030, 2820, 1794


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A hub, the broker with its accounts, and the collector, which may read what Zigbee2MQTT says and no more."""
    collectors = {"zigbee": {"kind": "zigbee2mqtt", "base_topic": "zigbee2mqtt", "interval_seconds": 1}}
    broker = {"clients": {"radio": {"topics": ["zigbee2mqtt/#"]}}}
    with Release(tmp_path, collectors=collectors, broker=broker) as release:
        release.environment |= {
            "MQTT_USERNAME": "test",
            "MQTT_PASSWORD": "by chance",
            "PICKET__BROKER__CLIENTS__RADIO__PASSWORD": "waves",
        }
        file = write(release.config)
        file.write_text(file.read_text().replace("listener 1883", f"listener {release.mqtt_port} 127.0.0.1\nuser root"))
        process = subprocess.Popen([PROGRAM, "-c", str(file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            release.start_hub()
            yield release
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
def bridge(release: Release) -> Zigbee2Mqtt:
    try:
        return Zigbee2Mqtt(install(), release.folder / "zigbee2mqtt", release.mqtt_port, ("radio", "waves"))
    except NotInstalledError as error:
        pytest.skip(f"*** ZIGBEE2MQTT IS LEFT OUT: {error} ***")


def last(release: Release, name: str) -> dict[str, float | None]:
    """Return what a device's last reading says; nothing where there is none."""
    found = [decode(entry.topic, entry.body) for entry in release.journal(f"reading.zigbee_{name}")]
    return found[-1].values if found and isinstance(found[-1], Reading) else {}


def faults(release: Release) -> dict[str, str]:
    """Return the state of each fault that was ever said."""
    found: list[Any] = [decode(entry.topic, entry.body) for entry in release.journal("fault.collectors.zigbee")]
    return {fault.subject: fault.state for fault in found}


def has(release: Release, name: str, **values: float) -> None:
    wait_for(f"{name} {values}", lambda: values.items() <= last(release, name).items(), PATIENCE_SECONDS)


def test_frames_of_real_devices_become_readings(release: Release, bridge: Zigbee2Mqtt) -> None:
    with bridge:
        release.start("picket_collectors", "zigbee", name="zigbee")
        wait_for("what is offline", lambda: faults(release).get("shed_climate") == "begin", PATIENCE_SECONDS)

        bridge.hear(CLIMATE, TEMPERATURE, "18010a0000295908")
        bridge.hear(CLIMATE, HUMIDITY, "18020a000021a911")
        bridge.hear(CLIMATE, PRESSURE, "18030a000029f503")
        bridge.hear(MOTION, OCCUPANCY, "18040a00001801", 60)
        bridge.hear(PLUG, ON_OFF, "18050a00001001", 120)
        bridge.hear(PLUG, ELECTRICAL, "18060a0505216e09", 120)
        bridge.hear(PLUG, ELECTRICAL, "18070a0805215401", 120)
        bridge.hear(PLUG, ELECTRICAL, "18080a0b0529d701", 120)
        bridge.hear(PLUG, METERING, "18090a000025d20400000000", 120)
        bridge.hear(DOOR, ON_OFF, "180a0a00001001", 71)

        has(release, "shed_climate", temperature_c=21.37, humidity_percent=45.21, pressure_hpa=1013, link_quality=96)
        has(release, "hall_motion", occupancy=1)
        has(release, "plug", on=1, voltage_v=241.4, current_a=0.34, power_w=47.1, energy_wh=1230)
        has(release, "back_door", open=1, link_quality=71)
        bridge.hear(DOOR, ON_OFF, "180b0a00001000", 71)
        has(release, "back_door", open=0)
        assert set(faults(release).values()) == {"end"}


def test_a_bridge_that_ends_or_dies_is_said_and_comes_back(release: Release, bridge: Zigbee2Mqtt) -> None:
    release.start("picket_collectors", "zigbee", name="zigbee")
    wait_for("that there is none", lambda: faults(release).get("bridge") == "begin", PATIENCE_SECONDS)
    for kill in (False, True):
        with bridge:
            wait_for("the bridge", lambda: faults(release).get("bridge") == "end", PATIENCE_SECONDS)
            bridge.hear(CLIMATE, TEMPERATURE, "18010a0000295908")
            has(release, "shed_climate", temperature_c=21.37)
            bridge.end(kill=kill)
            wait_for("its end", lambda: faults(release).get("bridge") == "begin", PATIENCE_SECONDS)
    assert "Traceback" not in release.log("zigbee")
