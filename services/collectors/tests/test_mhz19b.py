"""The Winsen MH-Z19B: its values, its warm-up and its settings; its faults are in test_serial_sensors.py."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pms.core  # noqa: F401 - first: its sensors import each other, and only in this order
import pytest
from pms import SensorWarmingUp, WrongMessageChecksum
from pms.sensors.winsen import mhz19b as oracle

from picket.health import HealthBeat
from picket_collectors.collector import Collector
from picket_collectors.outcome import Measured
from picket_collectors.power_up import plug
from picket_collectors.source import Part, Site, SourceError
from picket_collectors.sources.mhz19b import (
    GET_ABC,
    GET_RANGE,
    KIND,
    READ,
    Config,
    Mhz19b,
    command,
    frames,
    ranges,
    set_abc,
    set_range,
)
from picket_simulator.mhz19b import Mhz19b as Simulated

CONFIG = Config(port="")


# Commands, and another library as a witness


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        pytest.param(command(READ), "ff0186000000000079", id="read"),
        pytest.param(set_abc(True), "ff0179a000000000e6", id="abc-on"),
        pytest.param(set_abc(False), "ff01790000000000" + "86", id="abc-off"),
        pytest.param(set_range(2000), "ff01990000000" + "7d08f", id="2000"),
        pytest.param(set_range(5000), "ff019900000013" + "88cb", id="5000"),
        pytest.param(set_range(10_000), "ff019900000027" + "102f", id="10000"),
        pytest.param(command(GET_RANGE), "ff019b000000000064", id="which-range"),
        pytest.param(command(GET_ABC), "ff017d000000000082", id="whether-abc"),
    ],
)
def test_commands_are_those_that_are_known_to_work(sent: bytes, known: str) -> None:
    assert sent.hex() == known


def test_the_read_is_that_of_another_library() -> None:
    assert command(READ) == oracle.commands.passive_read.command


def any_answer(chance: random.Random) -> bytes:
    body = b"\x86" + chance.randbytes(6)
    return b"\xff" + body + bytes([-sum(body) & 0xFF])


def test_random_answers_are_read_as_another_library_reads_them() -> None:
    chance = random.Random(1)
    agreed = 0

    for _ in range(2000):
        answer = any_answer(chance)
        ((mine,)) = frames().feed(answer)
        try:
            (theirs,) = oracle.Message.decode(answer, oracle.commands.passive_read)
        except (WrongMessageChecksum, SensorWarmingUp):
            assert answer[-1] == 0  # it takes the sum 0x00 for 0x100
            continue
        assert mine.co2_ppm == theirs
        agreed += 1

    assert agreed > 1950


def test_the_answer_of_a_real_sensor() -> None:
    ((answer,)) = frames().feed(bytes.fromhex("ff86027c42000000ba"))

    assert (answer.co2_ppm, answer.inside_c) == (636, 26)


# The sensor on its port


@pytest.fixture
def port(port_of: Any) -> Any:
    return port_of(Simulated())


@pytest.fixture
def mhz19b(site: Site, port: Any) -> Callable[..., Mhz19b]:
    return lambda config=CONFIG, plug="boot-1 plug-1": Mhz19b(config, site, port, plug)


def test_while_it_warms_up_it_is_unknown_whatever_it_says(mhz19b: Any, time: Any) -> None:
    sensor, seen = mhz19b(), []

    for _ in range(20):
        seen.append(sensor.sample()["co2_ppm"])
        time.now += 10

    assert seen == [None] * 18 + [636, 636]


def test_a_sample_takes_no_time_while_it_warms_up(mhz19b: Any, time: Any) -> None:
    began = time.now

    mhz19b().sample()

    assert time.now - began < 10


def warm(mhz19b: Any, time: Any) -> Mhz19b:
    """Return a sensor that has had power for long."""
    sensor: Mhz19b = mhz19b()
    sensor.sample()
    time.now += 200
    assert sensor.sample() == {"co2_ppm": 636}
    return sensor


def test_a_process_that_is_started_anew_waits_no_second_time(mhz19b: Any, time: Any) -> None:
    warm(mhz19b, time).close()

    assert mhz19b().sample() == {"co2_ppm": 636}


def test_a_process_that_was_killed_waits_only_for_the_rest(mhz19b: Any, time: Any) -> None:
    mhz19b().sample()
    time.now += 100
    again = mhz19b()

    assert again.sample() == {"co2_ppm": None}
    time.now += 80
    assert again.sample() == {"co2_ppm": 636}


@pytest.mark.parametrize(
    "plug",
    [
        pytest.param("boot-2 plug-1", id="the-machine-was-booted"),
        pytest.param("boot-1 plug-2", id="the-adapter-was-plugged-anew"),
    ],
)
def test_after_a_loss_of_power_it_is_waited_for_again(mhz19b: Any, port: Any, time: Any, plug: str) -> None:
    warm(mhz19b, time).close()
    port.sensor.power_cycle(time())

    sensor = mhz19b(plug=plug)

    assert sensor.sample() == {"co2_ppm": None}
    time.now += 180
    assert sensor.sample() == {"co2_ppm": 636}


def test_after_silence_it_is_waited_for_again_as_it_may_have_been_without_power(
    mhz19b: Any, port: Any, time: Any
) -> None:
    sensor = warm(mhz19b, time)
    hears, port.sensor.receive = port.sensor.receive, lambda _data, _now: b""
    with pytest.raises(SourceError, match="no answer to 'read'"):
        sensor.sample()
    sensor.close()
    port.sensor.receive = hears
    port.sensor.power_cycle(time())

    assert mhz19b().sample() == {"co2_ppm": None}


def test_a_plug_is_told_from_another_by_boot_and_by_device_node(tmp_path: Path) -> None:
    boot, node, anew = tmp_path / "boot_id", tmp_path / "ttyUSB0", tmp_path / "new"
    boot.write_text("8f7c3a1e\n")
    node.touch()
    anew.touch()

    with node.open() as first, node.open() as again, anew.open() as other:
        names = [plug(port, boot) for port in (first, again, other)]
        boot.write_text("0d6b9c2f\n")
        booted = plug(first, boot)

    assert names[0] == names[1] != names[2]
    assert booted not in names


@pytest.mark.parametrize("abc", [True, False])
@pytest.mark.parametrize("range_ppm", [2000, 5000, 10_000])
def test_range_and_abc_are_set_at_each_start_and_confirmed(mhz19b: Any, port: Any, range_ppm: Any, abc: bool) -> None:
    port.sensor.range_ppm, port.sensor.abc = 2000, not abc  # anybody's, and kept over a loss of power
    sensor = mhz19b(Config(port="", range_ppm=range_ppm, abc=abc))

    sensor.sample()

    assert (port.sensor.range_ppm, port.sensor.abc) == (range_ppm, abc)
    assert sensor.figures()["settings_confirmed"] == 2


def test_settings_are_written_once_and_not_at_every_sample(mhz19b: Any, port: Any) -> None:
    sensor = mhz19b()

    for _ in range(5):
        sensor.sample()

    assert port.written.count(set_range(5000)) == port.written.count(set_abc(True)) == 1


def test_old_firmware_is_set_too_though_it_confirms_nothing(mhz19b: Any, port: Any) -> None:
    port.sensor.tells_settings = False
    sensor = mhz19b(Config(port="", range_ppm=2000, abc=False))

    sensor.sample()

    assert (port.sensor.range_ppm, port.sensor.abc) == (2000, False)
    assert sensor.figures()["settings_confirmed"] == 0


def test_a_firmware_that_confirms_orders_is_understood(mhz19b: Any, port: Any, time: Any) -> None:
    port.sensor.confirms_orders = True

    warm(mhz19b, time)


@pytest.mark.parametrize(
    ("order", "text"),
    [
        pytest.param(set_range(5000), "does not take the setting range 5000 ppm", id="range"),
        pytest.param(set_abc(True), "does not take the setting ABC on", id="abc"),
    ],
)
def test_a_setting_that_it_does_not_take_is_said(mhz19b: Any, port: Any, order: bytes, text: str) -> None:
    port.sensor.range_ppm, port.sensor.abc = 2000, False
    hears = port.sensor.receive
    port.sensor.receive = lambda data, now: b"" if data == order else hears(data, now)

    with pytest.raises(SourceError, match=text):
        mhz19b().sample()

    assert port.written.count(order) == 3


def test_a_setting_that_was_lost_on_the_way_is_repeated(mhz19b: Any, port: Any) -> None:
    port.sensor.range_ppm = 2000
    hears, lost = port.sensor.receive, [set_range(5000)]
    port.sensor.receive = lambda data, now: b"" if data in lost and lost.pop() else hears(data, now)

    mhz19b().sample()

    assert port.sensor.range_ppm == 5000


class Published:
    """What a collector would publish."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def publish(self, topic: str, message: Any) -> None:
        if topic == "reading.air":
            self.values.append(message.values["co2_ppm"])


@pytest.mark.parametrize(
    ("ppm", "range_ppm", "published"),
    [
        pytest.param(636, 5000, 636, id="air"),
        pytest.param(1999, 2000, 1999, id="just-within"),
        pytest.param(2600, 2000, None, id="beyond-the-range"),
        pytest.param(2600, 5000, 2600, id="within-a-greater-range"),
        pytest.param(5000, 5000, None, id="at-its-end"),
        pytest.param(0, 5000, None, id="nothing"),
    ],
)
def test_what_is_beyond_the_range_is_implausible_and_said(
    mhz19b: Any, port: Any, time: Any, ppm: int, range_ppm: Any, published: float | None
) -> None:
    producer: Any = Published()
    config = Config(port="", range_ppm=range_ppm, warm_up_seconds=0)
    health = HealthBeat("collectors.air", producer)
    collector = Collector("air", ranges(config), producer, health)
    port.sensor.ppm, port.sensor.warm_up_seconds = ppm, 0

    collector.take(Measured(1, [Part("", KIND, mhz19b(config).sample())], {}, 60.0), time())

    assert producer.values == [published]
    assert ("co2_ppm" in health.faults) is (published is None)


def test_what_came_before_the_question_is_no_answer(mhz19b: Any, port: Any, time: Any) -> None:
    sensor = warm(mhz19b, time)
    port._waiting = bytes.fromhex("ff86019a42000000") + b"\x9d"

    assert sensor.sample() == {"co2_ppm": 636}
