"""The Nova SDS011: its frames, its duty cycle, and how it behaves with a sensor and a cable that misbehave."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pms.core  # noqa: F401 - first: its sensors import each other, and only in this order
import pytest
from pms.sensors.novafitness import sds01x as oracle

from picket_collectors.dust_sensor import DustSensor
from picket_collectors.source import Site, SourceError, Stopped
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
from services.collectors.tests.cable_faults import asleep, deaf, garbage, once, unplugged

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


def test_the_laser_is_off_between_samples(sds011: Any, port: Any, time: Any) -> None:
    sensor = sds011(SLEEPING)
    lit = []

    for _ in range(3):
        sensor.sample()
        lit.append(port.sensor.working(time()))
        time.now += 560

    assert lit == [False, False, False]
    assert 0.02 < sensor.figures()["laser_hours"] < 0.04  # three times some 34 s


def test_flash_is_written_once_and_not_at_every_wake(sds011: Any, port: Any) -> None:
    sensor = sds011(SLEEPING)

    for _ in range(3):
        sensor.sample()

    assert port.written.count(BY_QUERY.frame()) == port.written.count(CONTINUOUS.frame()) == 1


def test_laser_seconds_are_counted_over_restarts(sds011: Any, time: Any) -> None:
    first = sds011(ALWAYS_ON)
    first.sample()
    time.now += 3600
    first.close()

    second = sds011(ALWAYS_ON)

    assert second.figures()["laser_hours"] == pytest.approx(1.0, abs=0.01)


def test_closing_puts_the_sensor_to_sleep(sds011: Any, port: Any) -> None:
    sensor = sds011(ALWAYS_ON)
    sensor.sample()

    sensor.close()

    assert not port.sensor.awake
    assert port.closed


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(once(bytes.fromhex("00fef880e0")), id="garbage-at-wake"),
        pytest.param(once(bytes.fromhex("aac50601010058d93aab")), id="checksum"),
        pytest.param(once(bytes.fromhex("aac506")), id="short-read"),
        pytest.param(once(b""), id="a-reply-lost"),
        pytest.param(lambda heard: heard and b"\x00\xff" + heard, id="noise-before-each-frame"),
    ],
)
def test_a_passing_fault_is_overcome(sds011: Any, port: Any, spoil: Callable[[bytes], bytes]) -> None:
    port.spoil = spoil

    assert sds011(ALWAYS_ON).sample() == {"pm2_5_ug_m3": 8.5, "pm10_ug_m3": 14.2}


def bad_checksums(port: Any) -> None:
    port.spoil = lambda heard: heard.replace(b"\xab", b"\xac")


def stuck_at_zero(port: Any) -> None:
    port.sensor.pm25 = port.sensor.pm10 = 0.0


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        pytest.param(deaf, "^no answer to 'query'$", id="silence"),
        pytest.param(asleep, "^no answer to 'query'$", id="asleep"),
        pytest.param(garbage, "no answer to 'query', but [0-9]+ bytes of something else", id="garbage"),
        pytest.param(bad_checksums, "no answer to 'query', but 30 bytes of something else", id="checksum"),
        pytest.param(unplugged, "Input/output error", id="unplug"),
        pytest.param(stuck_at_zero, "measures nothing, 30 times in a row", id="stuck-at-zero"),
    ],
)
def test_a_lasting_fault_is_said(sds011: Any, port: Any, fault: Callable[[Any], None], text: str) -> None:
    sensor = sds011(ALWAYS_ON)
    sensor.sample()

    fault(port)

    with pytest.raises(OSError, match=text):
        sensor.sample()
    sensor.close()
    assert port.closed


def test_a_sensor_that_fell_asleep_is_woken_when_it_is_opened_anew(sds011: Any, port: Any) -> None:
    sensor = sds011(ALWAYS_ON)
    sensor.sample()
    asleep(port)
    with pytest.raises(SourceError):
        sensor.sample()
    sensor.close()

    assert sds011(ALWAYS_ON).sample()["pm10_ug_m3"] == 14.2


def test_a_sleep_that_is_refused_is_repeated_then_counted_and_costs_no_reading(sds011: Any, port: Any) -> None:
    obey = port.sensor.receive
    port.sensor.receive = lambda data, now: b"" if data == SLEEP.frame() else obey(data, now)
    sensor = sds011(SLEEPING)

    values = sensor.sample()

    assert values["pm2_5_ug_m3"] == 8.5
    assert port.written.count(SLEEP.frame()) == 3
    assert sensor.figures()["sleeps_refused"] == 1


def test_the_reply_to_another_command_confirms_nothing(sds011: Any, port: Any) -> None:
    slept, woken = bytes.fromhex("aac50601000058d938ab"), bytes.fromhex("aac50601010058d939ab")
    port.spoil = lambda heard: heard.replace(slept, woken)
    sensor = sds011(SLEEPING)

    sensor.sample()

    assert sensor.figures()["sleeps_refused"] == 1


def test_wake_is_sent_twice_because_the_first_may_not_be_heard(sds011: Any, port: Any) -> None:
    sds011(ALWAYS_ON).sample()

    assert port.written[:3] == [WAKE.frame(), WAKE.frame(), BY_QUERY.frame()]


def test_a_silent_sensor_does_not_keep_the_process_from_ending(sds011: Any, port: Any, time: Any) -> None:
    deaf(port)
    time.stop_at = time.now + 1

    with pytest.raises(Stopped):
        sds011(ALWAYS_ON).sample()
    assert time.now < time.stop_at + 1
