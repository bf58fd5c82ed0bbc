"""The BME280: its formulas, and how the driver deals with a chip and a bus that misbehave."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bme280 as oracle
import pytest

from picket_collectors.i2c_device import I2cDevice
from picket_collectors.source import Site, SourceError, Stopped
from picket_collectors.sources.bme280 import DATA, Bme280, parse_calibration, values
from picket_simulator.air import Air
from picket_simulator.bus import Bus
from picket_simulator.chips.bme280 import CTRL_HUM, CTRL_MEAS, ID, STATUS
from picket_simulator.chips.bme280 import Bme280 as Chip

CASES = sorted((Path(__file__).parent / "golden" / "bme280").iterdir())
ADDRESS = 0x76
ROOM = Air(21.37, 48.2, 1013.25, 600, 90)
READING = {"temperature_c": 21.37, "humidity_percent": 48.2, "pressure_hpa": 1013.25}


class Dump:
    """The registers of a chip, as somebody noted them; it has the part of smbus that the oracle wants."""

    def __init__(self, case: Path) -> None:
        self.registers = bytearray(256)
        self.registers[ID] = 0x60
        for line in (case / "input.hex").read_text(encoding="utf-8").splitlines():
            address, colon, text = line.split("#")[0].partition(":")
            if colon:
                first, data = int(address, 16), bytes.fromhex(text)
                self.registers[first : first + len(data)] = data

    def __getitem__(self, place: slice) -> bytes:
        return bytes(self.registers[place])

    def read_byte_data(self, _address: int, register: int) -> int:
        return self.registers[register]

    def read_word_data(self, _address: int, register: int) -> int:
        return int.from_bytes(self.registers[register : register + 2], "little")


# The formulas


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_registers_are_read(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    dump = Dump(case)
    calibration = parse_calibration(dump[0x88:0xA2], dump[0xE1:0xE8] if dump.registers[ID] == 0x60 else None)

    assert values(dump[DATA : DATA + 8], calibration) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_another_library_reads_the_same(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    dump = Dump(case)

    raw = oracle.uncompensated_readings(list(dump[DATA : DATA + 8]))
    theirs = oracle.compensated_readings(raw, oracle.load_calibration_params(dump, ADDRESS))

    assert round(theirs.temperature, 2) == expected["temperature_c"]
    assert round(theirs.pressure, 2) == expected["pressure_hpa"]
    assert expected["humidity_percent"] in (round(theirs.humidity, 2), None)


# The chip on its bus


@pytest.fixture
def chip() -> Chip:
    return Chip(lambda _now: ROOM)


@pytest.fixture
def sensor(site: Site, bus: Bus) -> Callable[..., Bme280]:
    return lambda bus=bus: Bme280(site, I2cDevice(bus, ADDRESS))


def opened(site: Site, chip: Chip, bus_time: Any) -> Bme280:
    return Bme280(site, I2cDevice(Bus({ADDRESS: chip}, bus_time), ADDRESS))


@pytest.mark.parametrize(
    "air",
    [
        pytest.param(ROOM, id="room"),
        pytest.param(Air(-39.5, 99.9, 310.0, 0, 0), id="cold-and-high"),
        pytest.param(Air(84.2, 0.1, 1099.0, 0, 0), id="hot-and-low"),
        pytest.param(Air(0.0, 50.0, 1000.0, 0, 0), id="zero"),
    ],
)
def test_what_there_is_is_measured(site: Site, bus_time: Any, air: Air) -> None:
    driver = opened(site, Chip(lambda _now: air), bus_time)

    measured = driver.sample()

    assert measured["temperature_c"] == pytest.approx(air.temperature_c, abs=0.01)
    assert measured["humidity_percent"] == pytest.approx(air.humidity_percent, abs=0.05)
    assert measured["pressure_hpa"] == pytest.approx(air.pressure_hpa, abs=0.02)


def test_another_library_measures_the_same_with_the_same_chip(
    sensor: Any, bus: Bus, time: Any, monkeypatch: Any
) -> None:
    mine = sensor().sample()
    monkeypatch.setattr("time.sleep", time.pause)

    theirs = oracle.sample(bus, ADDRESS)

    assert mine == READING
    assert (round(theirs.temperature, 2), round(theirs.humidity, 2), round(theirs.pressure, 2)) == tuple(mine.values())


def test_the_chip_sleeps_between_samples(sensor: Any, chip: Chip) -> None:
    driver = sensor()

    for _ in range(3):
        driver.sample()

    assert chip.registers[CTRL_MEAS] & 3 == 0
    assert driver.figures() == {"brownouts": 0}


def test_the_calibration_is_read_once(sensor: Any, time: Any) -> None:
    driver = sensor()
    opened = time.now

    driver.sample()

    assert time.now - opened < 0.02, "10 ms to measure, and some bytes"


def test_a_chip_in_anybody_s_state_is_set_up(sensor: Any, bus: Bus, chip: Chip) -> None:
    bus.write_i2c_block_data(ADDRESS, CTRL_HUM, [0x05, 0xF5, 0xFF, 0xF4, 0xB7])  # normal mode, filter, oversampling

    assert sensor().sample() == READING
    assert chip.registers[CTRL_HUM] == 1
    assert chip.registers[0xF5] == 0


def test_a_bmp280_has_no_humidity_and_that_is_said(sensor: Any, chip: Chip, caplog: Any) -> None:
    chip.chip_id = 0x58
    chip.power_cycle(0.0)

    with caplog.at_level(logging.WARNING):
        values = [driver.sample() for driver in [sensor()] for _ in range(2)]

    assert values == [{**READING, "humidity_percent": None}] * 2
    assert caplog.messages == ["it is a BMP280: it measures no humidity"]


def test_after_a_brown_out_it_is_set_up_anew(sensor: Any, chip: Chip, time: Any) -> None:
    driver = sensor()
    driver.sample()
    chip.power_cycle(time.now)
    time.now += 60

    assert driver.sample() == READING
    assert driver.figures() == {"brownouts": 1}


# Faults


@pytest.mark.parametrize("step", range(1, 7))
def test_a_nack_at_any_step_of_opening_is_said_and_the_bus_let_go(sensor: Any, faulty: Any, step: int) -> None:
    faulty.fails = lambda number: number == step

    with pytest.raises(SourceError, match=r"^0x76 does not acknowledge \(Remote I/O error\)$"):
        sensor(faulty)

    assert faulty.closed
    assert sensor().sample() == READING


@pytest.mark.parametrize("step", range(1, 5))
def test_a_nack_at_any_step_of_a_sample_is_said(sensor: Any, faulty: Any, step: int) -> None:
    driver = sensor(faulty)
    opened = faulty.count
    faulty.fails = lambda number: number == opened + step

    with pytest.raises(OSError, match="0x76 does not acknowledge"):
        driver.sample()
    driver.close()
    assert faulty.closed


class Forgetful(Chip):
    """Loses its supply at each command to measure."""

    def write(self, data: bytes, now: float) -> None:
        super().write(data, now)
        if self.registers[CTRL_MEAS] & 3:
            self.power_cycle(now - 1)


class Blank(Chip):
    """Never was in a factory."""

    def _reset(self) -> None:
        super()._reset()
        self.registers[0x88:0xA2] = bytes(26)


class Copying(Chip):
    """Does not come to the end of its calibration."""

    def read(self, count: int, now: float) -> bytes:
        return super().read(count, now) if self._pointer != STATUS else b"\x01"


def test_a_measurement_that_does_not_end_is_said(site: Site, chip: Chip, bus_time: Any) -> None:
    driver = opened(site, chip, bus_time)
    chip.stuck_until = float("inf")

    with pytest.raises(SourceError, match=r"^does not finish a measurement$"):
        driver.sample()


def test_a_brown_out_within_a_measurement_is_said(site: Site, bus_time: Any) -> None:
    driver = opened(site, Forgetful(lambda _now: ROOM), bus_time)

    with pytest.raises(SourceError, match=r"^has not measured$"):
        driver.sample()


@pytest.mark.parametrize(
    ("chip", "text"),
    [
        pytest.param(Chip(lambda _now: ROOM, 0x61), r"expected a BME280 \(id 0x60\), .*, got id 0x61", id="bme680"),
        pytest.param(Blank(lambda _now: ROOM), "^has no calibration$", id="blank"),
        pytest.param(Copying(lambda _now: ROOM), "^does not come out of its reset$", id="stuck-in-reset"),
    ],
)
def test_what_is_no_bme280_is_refused(site: Site, chip: Chip, bus_time: Any, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        opened(site, chip, bus_time)


def test_a_stuck_chip_does_not_keep_the_process_from_ending(sensor: Any, chip: Chip, time: Any) -> None:
    driver = sensor()
    chip.stuck_until = float("inf")
    time.stop_at = time.now + 0.05

    with pytest.raises(Stopped):
        driver.sample()
