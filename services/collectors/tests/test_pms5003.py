"""The Plantower PMS5003: its values and its acks; its faults are in test_serial_sensors.py."""

import random
from collections.abc import Callable
from typing import Any

import pms.core  # noqa: F401 - first: its sensors import each other, and only in this order
import pytest
from pms import WrongMessageChecksum
from pms.sensors.plantower import pmsx003 as oracle

from picket_collectors.dust_sensor import DustSensor
from picket_collectors.duty_cycle import BadAir
from picket_collectors.source import Site
from picket_collectors.sources.pms5003 import PASSIVE, READ, SLEEP, WAKE, Config, Data, Pms5003, frames
from picket_simulator.pms5003 import Pms5003 as Simulated

ALWAYS_ON = Config(port="", interval_seconds=10, warm_up_seconds=5)
SLEEPING = Config(port="", interval_seconds=600, warm_up_seconds=30)
READING = {
    "pm1_ug_m3": 6,
    "pm2_5_ug_m3": 9,
    "pm10_ug_m3": 11,
    "particles_0_3_um_per_dl": 1230,
    "particles_0_5_um_per_dl": 354,
    "particles_1_um_per_dl": 68,
    "particles_2_5_um_per_dl": 8,
    "particles_5_um_per_dl": 2,
    "particles_10_um_per_dl": 1,
}


# Another library as a witness


@pytest.mark.parametrize(
    ("command", "known"),
    [
        pytest.param(WAKE, oracle.commands.wake, id="wake"),
        pytest.param(SLEEP, oracle.commands.sleep, id="sleep"),
        pytest.param(READ, oracle.commands.passive_read, id="read"),
        pytest.param(PASSIVE, oracle.commands.passive_mode, id="passive"),
    ],
)
def test_commands_are_those_that_another_library_sends(command: Any, known: Any) -> None:
    assert command.frame() == known.command


def any_frame(chance: random.Random) -> bytes:
    body = b"BM\x00\x1c" + chance.randbytes(26)
    return body + sum(body).to_bytes(2, "big")


def test_random_frames_are_read_as_another_library_reads_them() -> None:
    chance = random.Random(1)

    for _ in range(1000):
        frame = any_frame(chance)
        theirs = oracle.Message.decode(frame, oracle.commands.passive_read)

        assert frames().feed(frame) == [Data(*theirs[3:])]


def test_what_another_library_refuses_is_refused() -> None:
    chance = random.Random(2)

    for _ in range(1000):
        frame = bytearray(any_frame(chance))
        frame[chance.randrange(4, 32)] ^= 1 << chance.randrange(8)

        with pytest.raises(WrongMessageChecksum):
            oracle.Message.decode(bytes(frame), oracle.commands.passive_read)
        assert not [found for found in frames().feed(bytes(frame)) if isinstance(found, Data)]


# The sensor on its port


@pytest.fixture
def port(port_of: Any) -> Any:
    return port_of(Simulated())


@pytest.fixture
def pms5003(site: Site, port: Any) -> Callable[[Config], DustSensor]:
    return lambda config: DustSensor(config, site, Pms5003(port, site))


@pytest.mark.parametrize(
    ("awake", "passive"),
    [
        pytest.param(True, False, id="just-powered"),
        pytest.param(True, True, id="passive"),
        pytest.param(False, True, id="asleep"),
    ],
)
def test_a_sample_of_a_sensor_in_whatever_state(pms5003: Any, port: Any, awake: bool, passive: bool) -> None:
    port.sensor.awake, port.sensor.passive = awake, passive

    values = pms5003(ALWAYS_ON).sample()

    assert values == READING
    assert port.sensor.awake
    assert port.sensor.passive


def test_it_is_made_passive_after_each_wake(pms5003: Any, port: Any) -> None:
    sensor = pms5003(SLEEPING)

    for _ in range(3):
        sensor.sample()

    assert port.written.count(PASSIVE.frame()) == 3


def test_while_the_air_is_bad_it_is_measured_more_often(pms5003: Any, port: Any) -> None:
    sensor = pms5003(Config(port="", bad_air=BadAir(interval_seconds=10)))
    port.sensor.pm25 = 80

    sensor.sample()

    assert sensor.interval_seconds() == 10
    assert sensor.figures()["bad_air"] == 1
    assert port.sensor.awake


def test_the_air_s_values_are_taken_and_not_the_maker_s() -> None:
    frame = bytes.fromhex("424d001c012c01e0026c00c90142019f9c4023280bb801f40042000c9700")
    frame += sum(frame).to_bytes(2, "big")

    (data,) = frames().feed(frame)

    assert data[:3] == (201, 322, 415)


def test_a_fan_that_spins_up_is_waited_for(pms5003: Any, port: Any) -> None:
    values = pms5003(Config(port="", interval_seconds=10, warm_up_seconds=0)).sample()

    assert values == READING
    assert port.written.count(READ.frame()) > 5


def test_data_without_particles_are_no_measurement(pms5003: Any, port: Any) -> None:
    sensor = pms5003(ALWAYS_ON)
    counts, port.sensor.counts = port.sensor.counts, (0,) * 6
    reads = []

    def then_particles(heard: bytes) -> bytes:
        reads.append(heard)
        if len(reads) == 10:
            port.sensor.counts = counts
        return heard

    port.spoil = then_particles

    assert sensor.sample() == READING


def test_acks_that_come_late_with_the_data_are_no_data(pms5003: Any, port: Any) -> None:
    sensor = pms5003(ALWAYS_ON)
    sensor.sample()
    port.sensor.acknowledges_late = True
    port.sensor.receive(PASSIVE.frame(), port.time())

    assert sensor.sample() == READING


def test_what_it_sent_before_the_question_is_no_answer(pms5003: Any, port: Any) -> None:
    sensor = pms5003(ALWAYS_ON)
    sensor.sample()
    port.sensor.passive = False  # it lost power for a moment, and reports by itself since
    port.sensor.pm25 = 900
    port.time.now += 5
    assert port.in_waiting == 32
    port.sensor.pm25, port.sensor.passive = 9, True

    assert sensor.sample() == READING
