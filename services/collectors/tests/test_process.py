"""Collectors as processes: against a real hub, and a sensor on a pty."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from picket.bus import Endpoints
from picket.bus.journal import Query, read_once
from picket.config import load_with_origins
from picket.errors import BusError
from picket.messages import Fault, Reading, decode
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort

README = Path(__file__).parents[1] / "README.md"


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


class Release:
    """A hub and collectors, each a process, with a data folder of their own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        ingest, live, request = free_ports(3)
        self.port = folder / "sim" / "air"
        self.config = folder / "picket.yaml"
        self.config.write_text(
            f"device: demo\ndata_dir: {folder}\n"
            f"hub: {{ ingest_port: {ingest}, live_port: {live}, request_port: {request} }}\n"
            "collectors:\n"
            "  host: { kind: host, interval_seconds: 1 }\n"
            f"  air: {{ kind: sds011, port: {self.port}, interval_seconds: 5, warm_up_seconds: 0 }}\n",
            encoding="utf-8",
        )
        self._endpoints = Endpoints("127.0.0.1", ingest, live, request)
        self._stack = stack

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `python -m …`, and end it with the test."""
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env={**os.environ, "PICKET_CONFIG": str(self.config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(self._end, process)
        return process

    def journal(self, prefix: str) -> list[Any]:
        """Return the journalled messages of a topic."""
        with suppress(BusError):
            batch = read_once(self._endpoints, Query(topics=(prefix,), limit=1000), 1.0)
            return [decode(entry.topic, entry.body) for entry in batch.entries]
        return []

    @staticmethod
    def _end(process: "subprocess.Popen[str]") -> None:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with ExitStack() as stack:
        yield Release(tmp_path, stack)


def eventually(condition: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come to pass in time"
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_readings_reach_the_journal(release: Release) -> None:
    release.start("picket_hub")
    with SerialPort(Sds011(), release.port):
        release.start("picket_collectors", "host")
        release.start("picket_collectors", "air")

        air: Reading = eventually(lambda: release.journal("reading.air"))[0]
        host: Reading = eventually(lambda: release.journal("reading.host")[1:])[0]

    assert (air.device, air.kind, air.values) == ("demo", "air", {"pm2_5_ug_m3": 8.5, "pm10_ug_m3": 14.2})
    assert host.values["memory_used_percent"]
    assert all(value is None or isinstance(value, float) for value in host.values.values())
    assert abs(time.time_ns() - air.time_ns) < 60e9


@pytest.mark.slow
def test_a_sensor_may_be_absent_at_the_start_and_be_pulled_out_and_come_back(release: Release) -> None:
    def faults() -> list[tuple[str, str]]:
        return [(fault.subject, fault.state) for fault in release.journal("fault.collectors.air")]

    release.start("picket_hub")
    release.start("picket_collectors", "air")

    eventually(lambda: faults() == [("source", "begin")])
    first: Fault = release.journal("fault.collectors.air")[0]
    assert "No such file or directory" in first.text
    assert not first.traceback
    with SerialPort(Sds011(), release.port) as port:
        eventually(lambda: faults() == [("source", "begin"), ("source", "end")])
        port.fault("unplug")
        eventually(lambda: faults()[2:] == [("source", "begin")])
        port.fault("clear")
        eventually(lambda: faults()[3:] == [("source", "end")])


@pytest.mark.slow
def test_a_collector_ends_at_once_in_the_midst_of_a_sample_and_leaves_the_sensor_asleep(release: Release) -> None:
    sensor = Sds011()
    release.start("picket_hub")
    with SerialPort(sensor, release.port):
        collector = release.start("picket_collectors", "air")
        eventually(lambda: sensor.by_query)

        collector.send_signal(signal.SIGTERM)

        assert collector.wait(timeout=5) == 0
        eventually(lambda: not sensor.awake, 2)


@pytest.mark.slow
def test_a_port_is_one_collector_s_alone(release: Release) -> None:
    release.start("picket_hub")
    with SerialPort(Sds011(), release.port):
        release.start("picket_collectors", "air")
        eventually(lambda: release.journal("reading.air"))

        release.config.write_text(
            release.config.read_text(encoding="utf-8").replace("  air:", "  dust:"), encoding="utf-8"
        )
        release.start("picket_collectors", "dust")

        (fault,) = eventually(lambda: release.journal("fault.collectors.dust"))
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

    _, stderr = collector.communicate(timeout=20)

    assert stderr.endswith(said)
    assert collector.returncode == 2


def test_the_sample_of_the_readme_is_a_configuration(tmp_path: Path) -> None:
    (sample,) = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "picket.yaml"
    file.write_text("device: demo\n" + sample, encoding="utf-8")

    config = load_with_origins(file, {}, collectors=True).config

    assert {name: type(entry).__module__.split(".")[-1] for name, entry in config.collectors.items()} == {
        "host": "host",
        "air": "sds011",
    }


def test_the_message_of_the_readme_is_a_reading() -> None:
    (message,) = re.findall(r"```json\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)

    reading = decode("reading.air", message.encode())

    assert isinstance(reading, Reading)
    assert set(reading.values) == {"pm2_5_ug_m3", "pm10_ug_m3"}
