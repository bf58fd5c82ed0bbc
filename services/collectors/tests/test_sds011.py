"""The Nova SDS011: its frames, its settings and its replies; its faults are in test_serial_sensors.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pms.core  # noqa: F401 - first: its sensors import each other, and only in this order
import pytest
from pms.sensors.novafitness import sds01x as oracle

from picket_collectors.dust_sensor import DustSensor
from picket_collectors.source import Site
from picket_collectors.sources.sds011 import (
    BY_QUERY,
    CONTINUOUS,
    QUERY,
    SLEEP,
    WAKE,
    Config,
    Report,
    Sds011,
    frames,
)
from picket_simulator.sds011 import Sds011 as Simulated

CASES = sorted((Path(__file__).parent / "golden" / "sds011").iterdir())
ALWAYS_ON = Config(port="", interval_seconds=10, warm_up_seconds=5)
SLEEPING = Config(port="", interval_seconds=600, warm_up_seconds=30)


def lines(case: Path) -> list[bytes]:
    """Return the bytes of each line: what one read gives."""
    text = (case / "input.hex").read_text(encoding="utf-8")
    return [bytes.fromhex(line.split("#")[0]) for line in text.splitlines()]


# Another library as a witness


@pytest.mark.parametrize(
    ("command", "known"),
    [
        pytest.param(WAKE, oracle.commands.wake, id="wake"),
        pytest.param(SLEEP, oracle.commands.sleep, id="sleep"),
        pytest.param(QUERY, oracle.commands.passive_read, id="query"),
        pytest.param(BY_QUERY, oracle.commands.passive_mode, id="by-query"),
    ],
)
def test_commands_are_those_that_another_library_sends(command: Any, known: Any) -> None:
    assert command.frame() == known.command


@pytest.mark.parametrize("name", ["report", "most-dust", "head-within-values"])
def test_reports_are_read_as_another_library_reads_them(name: str) -> None:
    (frame,) = (line for line in lines(CASES[0].parent / name) if line)

    theirs = oracle.ObsData(0, *oracle.Message.decode(frame, oracle.commands.passive_read)[:2])

    assert frames().feed(frame) == [Report(theirs.pm25, theirs.pm10)]


# The sensor on its port


@pytest.fixture
def port(port_of: Any) -> Any:
    return port_of(Simulated())


@pytest.fixture
def sds011(site: Site, port: Any) -> Callable[[Config], DustSensor]:
    return lambda config: DustSensor(config, site, Sds011(port, site))


def test_a_sample_of_a_sensor_in_the_state_of_the_factory(sds011: Any, port: Any) -> None:
    values = sds011(ALWAYS_ON).sample()

    assert values == {"pm2_5_ug_m3": 8.5, "pm10_ug_m3": 14.2}
    assert port.sensor.by_query
    assert port.sensor.period_minutes == 0
    assert port.sensor.awake


def test_a_sensor_in_anybody_s_state_is_set_up(sds011: Any, port: Any) -> None:
    port.sensor.awake, port.sensor.period_minutes, port.sensor.by_query = False, 30, False

    values = sds011(ALWAYS_ON).sample()

    assert values["pm2_5_ug_m3"] == 8.5
    assert port.sensor.by_query
    assert port.sensor.period_minutes == 0


def test_flash_is_written_once_and_not_at_every_wake(sds011: Any, port: Any) -> None:
    sensor = sds011(SLEEPING)

    for _ in range(3):
        sensor.sample()

    assert port.written.count(BY_QUERY.frame()) == port.written.count(CONTINUOUS.frame()) == 1


def test_the_reply_to_another_command_confirms_nothing(sds011: Any, port: Any) -> None:
    slept, woken = bytes.fromhex("aac50601000058d938ab"), bytes.fromhex("aac50601010058d939ab")
    port.spoil = lambda heard: heard.replace(slept, woken)
    sensor = sds011(SLEEPING)

    sensor.sample()

    assert sensor.figures()["sleeps_refused"] == 1


def test_wake_is_sent_twice_because_the_first_may_not_be_heard(sds011: Any, port: Any) -> None:
    sds011(ALWAYS_ON).sample()

    assert port.written[:3] == [WAKE.frame(), WAKE.frame(), BY_QUERY.frame()]
