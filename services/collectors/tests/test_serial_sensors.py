"""What all sensors on serial ports have in common: how each takes a cable that misbehaves, and a laser's hours."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import pytest

from picket_collectors.dust_sensor import DustSensor
from picket_collectors.source import Site, Source, SourceError, Stopped
from picket_collectors.sources import mhz19b, pms5003, sds011
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialSensor
from services.collectors.tests.cable_faults import asleep, deaf, garbage, once, unplugged


class Kind(NamedTuple):
    """A kind of sensor: what plays it, how it is opened, and what it measures when it is warm."""

    simulated: Callable[[], SerialSensor]
    opened: Callable[..., Source]
    reading: Mapping[str, float]
    sleep: bytes = b""


def dust(module: Any, driver: Any, site: Site, port: Any, **duty: float) -> DustSensor:
    """Open a dust sensor that is always on, unless its duty is another."""
    always_on = {"interval_seconds": 10, "warm_up_seconds": 5}
    return DustSensor(module.Config(port="", **{**always_on, **duty}), site, driver(port, site))


def carbon_dioxide(site: Site, port: Any) -> mhz19b.Mhz19b:
    return mhz19b.Mhz19b(mhz19b.Config(port=""), site, port, "boot-1 plug-1")


PARTICLES = {"0_3": 1230, "0_5": 354, "1": 68, "2_5": 8, "5": 2, "10": 1}
KINDS = {
    "sds011": Kind(
        Sds011,
        partial(dust, sds011, sds011.Sds011),
        {"pm2_5_ug_m3": 8.5, "pm10_ug_m3": 14.2},
        sds011.SLEEP.frame(),
    ),
    "pms5003": Kind(
        Pms5003,
        partial(dust, pms5003, pms5003.Pms5003),
        {"pm1_ug_m3": 6, "pm2_5_ug_m3": 9, "pm10_ug_m3": 11}
        | {f"particles_{size}_um_per_dl": count for size, count in PARTICLES.items()},
        pms5003.SLEEP.frame(),
    ),
    "mhz19b": Kind(Mhz19b, carbon_dioxide, {"co2_ppm": 636}),
}
DUST = ("sds011", "pms5003")
SLEEPING = {"interval_seconds": 600, "warm_up_seconds": 30}


@pytest.fixture
def port(kind: str, port_of: Any) -> Any:
    return port_of(KINDS[kind].simulated())


@pytest.fixture
def opened(kind: str, site: Site, port: Any) -> Callable[..., Any]:
    """Open the sensor, as the sampler does; anew where it was open before."""
    return partial(KINDS[kind].opened, site, port)


# Faults that pass


PASSING: Mapping[str, Mapping[str, Callable[[bytes], bytes]]] = {
    "sds011": {
        "garbage-at-wake": once(bytes.fromhex("00fef880e0")),
        "checksum": once(bytes.fromhex("aac50601010058d93aab")),
        "short-read": once(bytes.fromhex("aac506")),
        "a-reply-lost": once(b""),
        "noise-before-each-frame": lambda heard: heard and b"\x00\xff" + heard,
    },
    "pms5003": {
        "checksum": once(bytes.fromhex("424d0004e1000175")),
        "short-read": once(bytes.fromhex("424d00")),
        "an-ack-lost": once(b""),
        "noise-before-each-frame": lambda heard: heard and b"\x42\x00\xff" + heard,
    },
    "mhz19b": {
        "checksum": once(bytes.fromhex("ff86067c42000000ba")),
        "short-read": once(bytes.fromhex("ff8602")),
        "an-answer-lost": once(b""),
        "noise-before-each-answer": lambda heard: heard and b"\xff\x00" + heard,
    },
}


def passing(*kinds: str) -> list[Any]:
    return [pytest.param(kind, spoil, id=f"{kind}-{name}") for kind in kinds for name, spoil in PASSING[kind].items()]


@pytest.mark.parametrize(("kind", "spoil"), passing(*DUST))
def test_a_fault_that_passes_while_it_wakes_is_overcome(kind: str, opened: Any, port: Any, spoil: Any) -> None:
    port.spoil = spoil

    assert opened().sample() == KINDS[kind].reading


@pytest.mark.parametrize(("kind", "spoil"), passing("mhz19b"))
def test_a_fault_that_passes_costs_no_warm_up(kind: str, opened: Any, port: Any, time: Any, spoil: Any) -> None:
    sensor = opened()
    sensor.sample()
    time.now += 200
    port.spoil = spoil

    assert sensor.sample() == KINDS[kind].reading


# Faults that last


def bad_checksums(port: Any) -> None:
    port.spoil = lambda heard: heard[:-2] + bytes([heard[-2] ^ 1, heard[-1]]) if heard else heard


def another_length(port: Any) -> None:
    port.spoil = lambda heard: heard.replace(b"BM\x00\x1c", b"BM\x00\x24")


def stuck_at_zero(port: Any) -> None:
    port.sensor.pm25 = port.sensor.pm10 = 0.0


def laser_dead(port: Any) -> None:
    port.sensor.counts = (0,) * 6


LASTING: Mapping[str, Mapping[Callable[[Any], None], str]] = {
    "sds011": {
        deaf: "^no answer to 'query'$",
        asleep: "^no answer to 'query'$",
        garbage: "no answer to 'query', but [0-9]+ bytes of something else",
        bad_checksums: "no answer to 'query', but 30 bytes of something else",
        unplugged: "Input/output error",
        stuck_at_zero: "measures nothing, 30 times in a row",
    },
    "pms5003": {
        deaf: "^no answer to 'read'$",
        asleep: "^no answer to 'read'$",
        garbage: "no answer to 'read', but [0-9]+ bytes of something else",
        bad_checksums: "no answer to 'read', but 96 bytes of something else",
        another_length: "no answer to 'read', but 96 bytes of something else",
        unplugged: "Input/output error",
        laser_dead: "measures nothing, 30 times in a row",
    },
    "mhz19b": {
        deaf: "^no answer to 'read'$",
        garbage: "no answer to 'read', but [0-9]+ bytes of something else",
        bad_checksums: "no answer to 'read', but 27 bytes of something else",
        unplugged: "Input/output error",
    },
}


@pytest.mark.parametrize(
    ("kind", "fault", "text"),
    [
        pytest.param(kind, fault, text, id=f"{kind}-{fault.__name__}")
        for kind, faults in LASTING.items()
        for fault, text in faults.items()
    ],
)
def test_a_fault_that_lasts_is_said(opened: Any, port: Any, fault: Callable[[Any], None], text: str) -> None:
    sensor = opened()
    sensor.sample()

    fault(port)

    with pytest.raises(OSError, match=text):
        sensor.sample()
    sensor.close()
    assert port.closed


@pytest.mark.parametrize("kind", KINDS)
def test_a_silent_sensor_does_not_keep_the_process_from_ending(opened: Any, port: Any, time: Any) -> None:
    deaf(port)
    time.stop_at = time.now + 1

    with pytest.raises(Stopped):
        opened().sample()
    assert time.now < time.stop_at + 1


# Lasers


@pytest.mark.parametrize("kind", DUST)
def test_laser_and_fan_are_off_between_samples(opened: Any, port: Any, time: Any) -> None:
    sensor = opened(**SLEEPING)
    awake = []

    for _ in range(3):
        sensor.sample()
        awake.append(port.sensor.awake)
        time.now += 560

    assert awake == [False, False, False]
    assert 0.02 < sensor.figures()["laser_hours"] < 0.04  # three times some 35 s


@pytest.mark.parametrize("kind", DUST)
def test_laser_seconds_are_counted_over_restarts(opened: Any, time: Any) -> None:
    first = opened()
    first.sample()
    time.now += 3600
    first.close()

    assert opened().figures()["laser_hours"] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("kind", DUST)
def test_closing_puts_the_sensor_to_sleep(opened: Any, port: Any) -> None:
    sensor = opened()
    sensor.sample()

    sensor.close()

    assert not port.sensor.awake
    assert port.closed


@pytest.mark.parametrize("kind", DUST)
def test_a_sensor_that_fell_asleep_is_woken_when_it_is_opened_anew(kind: str, opened: Any, port: Any) -> None:
    sensor = opened()
    sensor.sample()
    asleep(port)
    with pytest.raises(SourceError):
        sensor.sample()
    sensor.close()

    assert opened().sample() == KINDS[kind].reading


@pytest.mark.parametrize("kind", DUST)
def test_a_sleep_that_is_refused_is_repeated_then_counted_and_costs_no_reading(
    kind: str, opened: Any, port: Any
) -> None:
    obey, sleep = port.sensor.receive, KINDS[kind].sleep
    port.sensor.receive = lambda data, now: b"" if data == sleep else obey(data, now)
    sensor = opened(**SLEEPING)

    assert sensor.sample() == KINDS[kind].reading
    assert port.written.count(sleep) == 3
    assert sensor.figures()["sleeps_refused"] == 1
