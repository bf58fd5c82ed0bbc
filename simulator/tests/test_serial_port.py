import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import serial
from pms.core.reader import SensorReader

from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort, SerialSensor

QUERY = bytes.fromhex("aab404" + "00" * 12 + "ffff02ab")
REPORT = bytes.fromhex("aac0")
PASSIVE, SLEEP = bytes.fromhex("424de100000170"), bytes.fromhex("424de400000173")


def eventually(holds: Callable[[], bool]) -> bool:
    """Look again and again, for a minute at most."""
    deadline = time.monotonic() + 60
    while not holds() and time.monotonic() < deadline:
        os.sched_yield()
    return holds()


def ask(port: serial.Serial) -> bytes:
    port.write(QUERY)
    return bytes(port.read(10))


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "sim" / "air"


@pytest.fixture
def sensor_port(link: Path) -> Iterator[SerialPort]:
    with SerialPort(Sds011(), link) as port:
        port.sensor.by_query = True
        yield port


def test_a_reader_may_close_the_port_and_open_it_again(sensor_port: SerialPort) -> None:
    for _ in range(3):
        with serial.Serial(str(sensor_port.link), 9600, timeout=20) as port:
            assert ask(port).startswith(REPORT)


def test_a_port_nobody_reads_keeps_working(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=20) as port:
        for _ in range(600):
            port.write(QUERY)
        port.reset_input_buffer()

        assert REPORT in ask(port) + port.read(100)


def test_a_silent_sensor_says_nothing_for_as_long(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=0.2) as port:
        sensor_port.fault("silent", seconds=2)

        assert ask(port) == b""
        assert eventually(lambda: ask(port).startswith(REPORT))


def test_garbage_is_as_long_as_what_it_replaces(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=20) as port:
        sensor_port.fault("garbage")

        answers = [ask(port) for _ in range(3)]

    assert all(len(answer) == 10 for answer in answers)
    assert not all(answer.startswith(REPORT) for answer in answers)


def test_an_unplugged_sensor_takes_its_link_away_and_brings_it_back(sensor_port: SerialPort) -> None:
    port = serial.Serial(str(sensor_port.link), 9600, timeout=0.1)

    sensor_port.fault("unplug")

    assert eventually(lambda: not sensor_port.link.is_symlink())
    with pytest.raises((serial.SerialException, OSError)):
        ask(port)
    sensor_port.fault("clear")
    assert eventually(lambda: sensor_port.link.exists())
    with serial.Serial(str(sensor_port.link), 9600, timeout=20) as again:
        assert ask(again).startswith(REPORT)


def test_an_unknown_fault_is_refused(sensor_port: SerialPort) -> None:
    with pytest.raises(ValueError, match="expected a fault of silent, garbage, unplug, clear, got fire"):
        sensor_port.fault("fire")


def test_a_link_left_by_a_killed_simulator_is_replaced_and_in_the_end_removed(link: Path) -> None:
    link.parent.mkdir()
    link.symlink_to("/dev/pts/none")

    with SerialPort(Sds011(), link):
        assert link.exists()

    assert not link.is_symlink()


def observe(kind: str, sensor: SerialSensor, link: Path, told: bytes = b"") -> Any:
    """Let another library read a sensor once, which was told something before."""
    with SerialPort(sensor, link):
        sensor.receive(told, time.monotonic())
        reader = SensorReader(kind, str(link), samples=1, interval=0)
        reader.pre_heat = 0
        with reader:
            return next(iter(reader()))


def test_an_independent_library_reads_an_sds011(link: Path) -> None:
    sensor = Sds011()
    sensor.pm25, sensor.pm10 = 12.3, 45.6

    observation = observe("SDS011", sensor, link)

    assert (observation.pm25, observation.pm10) == (12.3, 45.6)


@pytest.mark.parametrize(
    "told",
    [pytest.param(b"", id="active"), pytest.param(PASSIVE, id="passive"), pytest.param(PASSIVE + SLEEP, id="asleep")],
)
def test_an_independent_library_reads_a_pms5003(link: Path, told: bytes) -> None:
    sensor = Pms5003()
    sensor.spin_up_seconds, sensor.wake_garbage = 0, b""  # the library reads at once, and knows no garbage

    observation = observe("PMSx003", sensor, link, told)

    assert (observation.pm01, observation.pm25, observation.pm10) == (6, 9, 11)
    assert (observation.n0_3, observation.n10_0) == (12.30, 0.01)


def test_an_independent_library_reads_an_mhz19b(link: Path) -> None:
    observation = observe("MHZ19B", Mhz19b(warm_up_seconds=0), link)

    assert observation.CO2 == 636
