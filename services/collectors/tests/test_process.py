"""Collectors as processes: against a real hub, and a sensor on a pty."""

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.config import load_with_origins
from picket.messages import Fault, Reading, decode
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort
from tests.servers.release import Release
from tests.servers.waiting import wait_for

README = Path(__file__).parents[1] / "README.md"
PATIENCE_SECONDS = 90.0  # a sensor that was away is tried again after a while


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A hub that runs; collectors are started by the test."""
    air = {"kind": "sds011", "port": str(tmp_path / "air"), "interval_seconds": 5, "warm_up_seconds": 0}
    with Release(tmp_path, collectors={"host": {"kind": "host", "interval_seconds": 1}, "air": air}) as release:
        release.start_hub()
        yield release


def plugged(release: Release, sensor: Sds011) -> SerialPort:
    return SerialPort(sensor, release.folder / "air")


def collect(release: Release, name: str) -> "subprocess.Popen[bytes]":
    return release.start("picket_collectors", name, name=name)


def journalled(release: Release, topic: str) -> list[Any]:
    return [decode(entry.topic, entry.body) for entry in release.journal(topic)]


@pytest.mark.slow
def test_readings_reach_the_journal(release: Release) -> None:
    with plugged(release, Sds011()):
        collect(release, "host")
        collect(release, "air")

        air: Reading = wait_for("the reading of the air", lambda: journalled(release, "reading.air"), PATIENCE_SECONDS)[
            0
        ]
        host: Reading = wait_for(
            "readings of the host", lambda: journalled(release, "reading.host")[1:], PATIENCE_SECONDS
        )[0]

    assert (air.device, air.kind, air.values) == ("test", "air", {"pm2_5_ug_m3": 8.5, "pm10_ug_m3": 14.2})
    assert host.values["memory_used_percent"]
    assert all(value is None or isinstance(value, float) for value in host.values.values())
    assert abs(time.time_ns() - air.time_ns) < 60e9


@pytest.mark.slow
def test_a_sensor_may_be_absent_at_the_start_and_be_pulled_out_and_come_back(release: Release) -> None:
    def faults() -> list[tuple[str, str]]:
        return [(fault.subject, fault.state) for fault in journalled(release, "fault.collectors.air")]

    def lost() -> bool:
        return faults()[-1:] == [("source", "begin")]

    collect(release, "air")

    wait_for("the fault", lost, PATIENCE_SECONDS)
    first: Fault = journalled(release, "fault.collectors.air")[0]
    assert "No such file or directory" in first.text
    assert not first.traceback
    with plugged(release, Sds011()) as port:
        wait_for("the sensor", lambda: not lost(), PATIENCE_SECONDS)
        port.fault("unplug")
        wait_for("the loss", lost, PATIENCE_SECONDS)
        port.fault("clear")
        wait_for("the return", lambda: not lost(), PATIENCE_SECONDS)
        told = faults()  # before it is pulled out for good
        assert told == [("source", "begin"), ("source", "end")] * (len(told) // 2)


@pytest.mark.slow
def test_a_collector_ends_at_once_in_the_midst_of_a_sample_and_leaves_the_sensor_asleep(release: Release) -> None:
    sensor = Sds011()
    with plugged(release, sensor):
        collector = collect(release, "air")
        wait_for("a sample", lambda: sensor.by_query, PATIENCE_SECONDS)

        collector.send_signal(signal.SIGTERM)

        assert collector.wait(timeout=20) == 0
        wait_for("sleep", lambda: not sensor.awake)


@pytest.mark.slow
def test_a_port_is_one_collector_s_alone(release: Release) -> None:
    with plugged(release, Sds011()):
        collect(release, "air")
        wait_for("a reading", lambda: journalled(release, "reading.air"), PATIENCE_SECONDS)

        release.file.write_text(release.file.read_text().replace("  air:", "  dust:"))
        collect(release, "dust")

        (fault,) = wait_for("the other's fault", lambda: journalled(release, "fault.collectors.dust"), PATIENCE_SECONDS)
        assert "lock" in fault.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["attic"], "there is no collector 'attic'; there are host, air\n", id="unknown"),
        pytest.param([], "the following arguments are required: name\n", id="missing"),
    ],
)
def test_a_wrong_name_is_said_in_one_line(release: Release, arguments: list[str], said: str) -> None:
    collector = release.start("picket_collectors", *arguments)

    assert collector.wait(timeout=60) == 2
    assert release.log("picket_collectors").endswith(said)


def test_the_sample_of_the_readme_is_a_configuration(tmp_path: Path) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\n" + sample, encoding="utf-8")

    config = load_with_origins(file, {}, collectors=True).config

    assert {name: type(entry).__module__.split(".")[-1] for name, entry in config.collectors.items()} == {
        "host": "host",
        "power": "kasa",
        "air": "sds011",
        "climate": "bme280",
        "gas": "sgp30",
        "bathroom": "dht22",
        "dust": "pms5003",
        "co2": "mhz19b",
        "zigbee": "zigbee2mqtt",
        "nodes": "nodes",
        "ups": "nut",
        "weather": "http",
    }


def test_the_message_of_the_readme_is_a_reading() -> None:
    (message,) = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)

    reading = decode("reading.air", message.encode())

    assert isinstance(reading, Reading)
    assert set(reading.values) == {"pm2_5_ug_m3", "pm10_ug_m3"}
