import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import serial
from pms.core.reader import SensorReader

from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort

QUERY = bytes.fromhex("aab404" + "00" * 12 + "ffff02ab")
REPORT = bytes.fromhex("aac0")


def eventually(holds: Callable[[], bool]) -> bool:
    """Look again and again, for 5 s at most."""
    deadline = time.monotonic() + 5
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
        with serial.Serial(str(sensor_port.link), 9600, timeout=2) as port:
            assert ask(port).startswith(REPORT)


def test_a_port_nobody_reads_keeps_working(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=2) as port:
        for _ in range(600):
            port.write(QUERY)
        port.reset_input_buffer()

        assert REPORT in ask(port) + port.read(100)


def test_a_silent_sensor_says_nothing_for_as_long(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=0.2) as port:
        sensor_port.fault("silent", seconds=0.5)

        assert ask(port) == b""
        assert eventually(lambda: ask(port).startswith(REPORT))


def test_garbage_is_as_long_as_what_it_replaces(sensor_port: SerialPort) -> None:
    with serial.Serial(str(sensor_port.link), 9600, timeout=2) as port:
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
    with serial.Serial(str(sensor_port.link), 9600, timeout=2) as again:
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


def test_an_independent_library_reads_it(sensor_port: SerialPort) -> None:
    sensor_port.sensor.pm25, sensor_port.sensor.pm10 = 12.3, 45.6

    with SensorReader("SDS011", str(sensor_port.link), samples=1, interval=0) as reader:
        observation = next(iter(reader()))

    assert (observation.pm25, observation.pm10) == (12.3, 45.6)
