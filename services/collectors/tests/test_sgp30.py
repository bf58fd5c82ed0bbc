"""The SGP30: what is said on the wire, its cadence, its baseline over restarts, its humidity, its faults."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.i2c_device import I2cDevice
from picket_collectors.schedule import Schedule
from picket_collectors.sensirion import crc
from picket_collectors.source import Site, SourceError, Stopped
from picket_collectors.sources.sgp30 import Config, Sgp30, absolute_humidity, neighbours
from picket_collectors.store import Store
from picket_simulator.air import Air
from picket_simulator.bus import Bus
from picket_simulator.chips.sgp30 import BASELINE, DEFAULT_HUMIDITY
from picket_simulator.chips.sgp30 import Sgp30 as Chip

CASES = sorted((Path(__file__).parent / "golden" / "sgp30").iterdir())
ADDRESS = 0x58
WALL = 1_793_277_605.0
ROOM = Air(21.0, 45.0, 1013.0, eco2_ppm=620, tvoc_ppb=90)
HOUR, DAY = 3600, 86_400


# What is said on the wire


class Conversation:
    """A device that answers what stands in a file, to what stands there."""

    def __init__(self, case: Path) -> None:
        text = (case / "conversation.hex").read_text(encoding="utf-8")
        self.lines = [line for line in text.splitlines() if not line.startswith("#")]
        self.closed = False

    def write(self, data: bytes) -> None:
        assert f"w {data.hex(' ')}" == self.lines.pop(0)

    def read(self, count: int) -> bytes:
        direction, _, answer = self.lines.pop(0).partition(" ")
        assert direction == "r"
        return bytes.fromhex(answer)[:count]

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_conversation(case: Path, site: Site, time: Any) -> None:
    given, expected = (
        json.loads((case / f"{name}.json").read_text(encoding="utf-8")) for name in ("given", "expected")
    )
    config = Config(interval_seconds=given["interval_seconds"], humidity_from="climate")
    Store(site).save(given.get("memory", {}))
    site = site._replace(neighbour=lambda _source, quantity, _age: given.get("neighbour", {}).get(quantity))
    device: Any = Conversation(case)

    def play() -> Any:
        sensor = Sgp30(config, site, device, wall=lambda: WALL)
        time.now += given["waits_seconds"]
        return sensor.sample()

    if "error" in expected:
        with pytest.raises(SourceError, match=expected["error"]):
            play()
    else:
        assert play() == expected["values"]
    assert device.lines == []


def test_the_checksum_is_that_of_the_datasheet() -> None:
    assert crc(bytes.fromhex("beef")) == 0x92


@pytest.mark.parametrize(
    ("celsius", "percent", "expected"),
    [
        pytest.param(25.0, 50.0, 11.48, id="a-warm-room"),
        pytest.param(0.0, 100.0, 4.85, id="saturated-at-0"),
        pytest.param(-20.0, 80.0, 0.86, id="frost"),
        pytest.param(25.0, 0.0, 0.0, id="dry"),
    ],
)
def test_absolute_humidity(celsius: float, percent: float, expected: float) -> None:
    assert absolute_humidity(celsius, percent) == pytest.approx(expected, abs=0.01)


# The chip on its bus


@pytest.fixture
def chip() -> Chip:
    return Chip(lambda _now: ROOM)


@pytest.fixture
def sensor(site: Site, bus: Bus, time: Any) -> Callable[..., Sgp30]:
    wall = WALL - time.now

    def build(interval: int = 10, bus: Any = bus, site: Site = site, **settings: Any) -> Sgp30:
        config = Config(interval_seconds=interval, **settings)
        return Sgp30(config, site, I2cDevice(bus, ADDRESS), wall=lambda: wall + time.now)

    return build


def samples(driver: Sgp30, time: Any, seconds: float, interval: int = 10) -> Iterator[Any]:
    """Sample when due, as the frame does, for so long."""
    schedule, end = Schedule(interval, time.now, chance=lambda: 0.0), time.now + seconds
    while time.now < end:
        yield driver.sample()
        schedule.succeeded(time.now)
        time.now = max(time.now, schedule.due)


def run(driver: Sgp30, time: Any, seconds: float) -> None:
    for _ in samples(driver, time, seconds):
        pass


@pytest.mark.parametrize("interval", [1, 2, 10, 60])
def test_it_measures_once_a_second_whatever_the_interval(sensor: Any, chip: Chip, time: Any, interval: int) -> None:
    driver = sensor(interval)

    readings = list(samples(driver, time, 180, interval))

    gaps = [after - before for before, after in zip(chip.measured_at, chip.measured_at[1:], strict=False)]
    assert len(readings) == 180 / interval
    assert len(gaps) > 90
    assert all(0.9 < gap < 1.1 for gap in gaps[1:])


def test_what_the_warm_up_gives_is_unknown_and_no_fault(sensor: Any, time: Any) -> None:
    readings = list(samples(sensor(5), time, 40, 5))

    assert [reading["eco2_ppm"] is None for reading in readings] == [True] * 3 + [False] * 5
    assert readings[-1]["eco2_ppm"] == pytest.approx(ROOM.eco2_ppm, abs=110)


def test_a_sample_is_the_mean(site: Site, bus_time: Any, time: Any) -> None:
    chip = Chip(lambda now: ROOM._replace(eco2_ppm=700 + 100 * (int(now) % 2)))
    driver = Sgp30(Config(interval_seconds=10), site, I2cDevice(Bus({ADDRESS: chip}, bus_time), ADDRESS))
    time.now += 2 * DAY

    assert driver.sample()["eco2_ppm"] == pytest.approx(750, abs=1)


# The baseline


def kept(site: Site) -> Any:
    return Store(site).load()


def test_a_chip_that_never_learned_is_believed_after_twelve_hours_and_then_every_hour(
    sensor: Any, site: Site, time: Any
) -> None:
    driver = sensor(60)
    saved = []

    for _ in samples(driver, time, 14 * HOUR, 60):
        if kept(site) and kept(site) not in saved:
            saved.append(kept(site))

    assert [round((memory["saved_at"] - WALL) / HOUR, 1) for memory in saved] == [12.0, 13.0]
    assert (saved[0]["eco2"], saved[0]["tvoc"]) == BASELINE


def test_a_restart_restores_it_and_keeps_it_again_after_an_hour(sensor: Any, chip: Chip, site: Site, time: Any) -> None:
    first = sensor(60)
    list(samples(first, time, 12.5 * HOUR, 60))
    first.close()
    chip.power_cycle(time.now - 1)
    before = kept(site)

    second = sensor(60)
    list(samples(second, time, 0.9 * HOUR, 60))
    early = kept(site)
    list(samples(second, time, 0.2 * HOUR, 60))

    assert chip.baseline(time.now) == BASELINE
    assert second.figures()["baseline_restored"] == 1
    assert early == before
    assert kept(site)["saved_at"] == pytest.approx(before["saved_at"] + HOUR, abs=200)


@pytest.mark.parametrize(
    ("hours", "keeps"), [pytest.param(11.9, False, id="too-early"), pytest.param(12.6, True, id="in-time")]
)
def test_a_clean_stop_keeps_what_was_learned(sensor: Any, site: Site, time: Any, hours: float, keeps: bool) -> None:
    driver = sensor(60)
    list(samples(driver, time, hours * HOUR, 60))

    driver.close()

    assert bool(kept(site)) is keeps
    if keeps:
        assert kept(site)["saved_at"] == pytest.approx(WALL + hours * HOUR, abs=100)


def test_a_chip_with_its_baseline_measures_right_at_once(sensor: Any, site: Site, time: Any) -> None:
    eco2, tvoc = BASELINE
    anew = list(samples(sensor(), time, 30))[-1]
    Store(site).save({"serial": "000001234567", "eco2": eco2, "tvoc": tvoc, "saved_at": WALL})

    restored = list(samples(sensor(), time, 30))[-1]

    assert anew["eco2_ppm"] == pytest.approx(520, abs=2)
    assert restored["eco2_ppm"] == ROOM.eco2_ppm


@pytest.mark.parametrize(
    "memory",
    [
        pytest.param({"eco2": "many", "tvoc": 1, "serial": "000001234567", "saved_at": WALL}, id="no-number"),
        pytest.param({"eco2": 70_000, "tvoc": 1, "serial": "000001234567", "saved_at": WALL}, id="no-word"),
        pytest.param({"laser_seconds": 7}, id="another-sensor-s"),
    ],
)
def test_a_memory_that_is_none_is_not_restored(sensor: Any, site: Site, memory: Any) -> None:
    Store(site).save(memory)

    assert sensor().figures()["baseline_restored"] == 0


@pytest.mark.parametrize("hours", [pytest.param(0.1, id="restored"), pytest.param(1.5, id="learned")])
def test_a_loss_of_supply_is_noticed_and_mended_by_opening_anew(
    sensor: Any, chip: Chip, site: Site, time: Any, hours: float
) -> None:
    if hours < 1:
        Store(site).save({"serial": "000001234567", "eco2": BASELINE[0], "tvoc": BASELINE[1], "saved_at": WALL})
    driver = sensor()
    run(driver, time, hours * HOUR)
    chip.power_cycle(time.now - 1)

    with pytest.raises(SourceError, match="lost what it learned"):
        run(driver, time, 20)
    driver.close()

    assert list(samples(sensor(), time, 30))[-1]["eco2_ppm"] > 400


def test_for_an_hour_there_is_no_baseline_and_that_is_no_fault(sensor: Any, site: Site, time: Any) -> None:
    driver = sensor(60)

    readings = list(samples(driver, time, 0.9 * HOUR, 60))
    driver.close()

    assert all(reading["eco2_ppm"] > 400 for reading in readings[1:])
    assert driver.figures()["baseline_eco2"] == 0
    assert kept(site) == {}


def test_a_chip_that_learns_nothing_in_twelve_hours_is_begun_anew(sensor: Any, chip: Chip, time: Any) -> None:
    driver = sensor(60)
    list(samples(driver, time, 0.5 * HOUR, 60))
    chip.power_cycle(time.now - 1)

    with pytest.raises(SourceError, match="lost what it learned"):
        list(samples(driver, time, 12 * HOUR, 60))


# The humidity beside it


@pytest.fixture
def climate() -> dict[str, float | None]:
    return {"temperature_c": 25.0, "humidity_percent": 50.0}


@pytest.fixture
def beside(site: Site, climate: dict[str, float | None]) -> Site:
    def neighbour(source: str, quantity: str, max_age_seconds: float) -> float | None:
        assert (source, max_age_seconds) == ("climate", 600)
        return climate[quantity]

    return site._replace(neighbour=neighbour)


def test_the_humidity_is_followed_and_off_when_it_is_not_known(
    sensor: Any, chip: Chip, beside: Site, climate: Any
) -> None:
    driver, told = sensor(site=beside, humidity_from="climate"), []

    for humidity_percent in (50.0, 60.0, None, 50.0):
        climate["humidity_percent"] = humidity_percent
        driver.sample()
        told.append((chip.humidity, driver.figures()["humidity_g_m3"]))

    assert told == [(0x0B7C, 11.48), (0x0DC8, 13.78), (DEFAULT_HUMIDITY, 0), (0x0B7C, 11.48)]


@pytest.mark.parametrize(
    ("celsius", "percent", "told"),
    [
        pytest.param(84.0, 100.0, 0xFFFF, id="more-than-can-be-told"),
        pytest.param(1200.0, 100.0, DEFAULT_HUMIDITY, id="a-kiln"),
        pytest.param(-243.12, 50.0, DEFAULT_HUMIDITY, id="colder-than-any-air"),
        pytest.param(20.0, 0.0, 1, id="dry-air-is-not-air-of-which-nothing-is-known"),
    ],
)
def test_whatever_a_neighbour_says_the_chip_measures_on(
    sensor: Any, chip: Chip, beside: Site, climate: Any, celsius: float, percent: float, told: int
) -> None:
    climate.update(temperature_c=celsius, humidity_percent=percent)
    driver = sensor(site=beside, humidity_from="climate")

    driver.sample()

    assert chip.humidity == told


def test_nobody_is_asked_where_no_neighbour_is_named(sensor: Any, chip: Chip, beside: Site) -> None:
    driver = sensor(site=beside)

    driver.sample()

    assert chip.humidity == DEFAULT_HUMIDITY
    assert neighbours(Config()) == ()
    assert neighbours(Config(humidity_from="climate")) == ("climate",)


def test_what_an_earlier_process_said_of_the_humidity_is_taken_back(sensor: Any, chip: Chip) -> None:
    chip.humidity = 0x2000

    sensor()

    assert chip.humidity == DEFAULT_HUMIDITY


# Faults


@pytest.mark.parametrize("step", range(1, 11))
def test_one_nack_at_any_step_is_overcome(sensor: Any, faulty: Any, step: int) -> None:
    faulty.fails = lambda number: number == step

    driver = sensor(1, faulty)
    driver.sample()

    assert driver.figures()["repeated"] == 1


@pytest.mark.parametrize("step", range(1, 9))
def test_silence_from_any_step_of_opening_is_said_and_the_bus_let_go(sensor: Any, faulty: Any, step: int) -> None:
    faulty.fails = lambda number: number >= step

    with pytest.raises(SourceError, match=r"^'[a-z -]+': 0x58 does not acknowledge \(Remote I/O error\)$"):
        sensor(1, faulty)

    assert faulty.closed


def test_silence_in_a_sample_is_said(sensor: Any, bus: Bus, time: Any) -> None:
    driver = sensor()
    run(driver, time, 30)
    bus.fault(ADDRESS, "nack")

    with pytest.raises(SourceError, match="'measure': 0x58 does not acknowledge"):
        driver.sample()


def test_a_long_sample_does_not_keep_the_process_from_ending(sensor: Any, time: Any) -> None:
    driver = sensor(240)
    time.stop_at = time.now + 1.5

    with pytest.raises(Stopped):
        driver.sample()
    assert time.now < time.stop_at + 1
