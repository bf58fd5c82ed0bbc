import pytest

from picket_simulator.air import Air
from picket_simulator.chips.bme280 import CONFIG, CTRL_HUM, CTRL_MEAS, DATA, ID, NOTHING, RESET, STATUS, Bme280

# Bosch's own example, but for what was rounded away.
EXAMPLE = Air(25.08, 50.0, 1006.53, 0, 0)
FORCED, NORMAL = 0x25, 0x27


def chip(chip_id: int = 0x60) -> Bme280:
    return Bme280(lambda _now: EXAMPLE, chip_id)


def registers(chip: Bme280, first: int, count: int, now: float) -> bytes:
    chip.write(bytes([first]), now)
    return chip.read(count, now)


def measured(chip: Bme280, now: float) -> bytes:
    return registers(chip, DATA, 8, now)


def test_after_power_on_it_sleeps_and_has_measured_nothing() -> None:
    sensor = chip()

    assert registers(sensor, ID, 1, 1.0) == b"\x60"
    assert registers(sensor, CTRL_HUM, 4, 1.0) == bytes(4)
    assert measured(sensor, 1.0) == NOTHING


def test_the_codes_are_those_of_the_example() -> None:
    sensor = chip()
    sensor.write(bytes([CTRL_HUM, 1, CTRL_MEAS, FORCED]), 1.0)

    data = measured(sensor, 1.1)

    assert int.from_bytes(data[3:6], "big") >> 4 == pytest.approx(519888, abs=15)
    assert int.from_bytes(data[:3], "big") >> 4 == pytest.approx(415148, abs=15)


@pytest.mark.parametrize(
    ("hum", "meas", "milliseconds"),
    [
        pytest.param(1, FORCED, 9.3, id="once-each"),
        pytest.param(0, 0x20 | 1, 3.55, id="temperature-alone"),
        pytest.param(5, 0xB7 & ~2, 112.8, id="sixteen-times-each"),
    ],
)
def test_a_forced_measurement_takes_its_time_and_then_it_sleeps(hum: int, meas: int, milliseconds: float) -> None:
    sensor = chip()
    sensor.write(bytes([CTRL_HUM, hum, CTRL_MEAS, meas]), 1.0)

    statuses = [registers(sensor, STATUS, 1, 1.0 + milliseconds / 1000 * share) for share in (0.99, 1.01)]

    assert statuses == [b"\x08", b"\x00"]
    assert registers(sensor, CTRL_MEAS, 1, 1.2) == bytes([meas & ~3])


def test_the_humidity_s_setting_takes_effect_with_the_next_write_of_the_other() -> None:
    sensor = chip()
    sensor.write(bytes([CTRL_MEAS, FORCED, CTRL_HUM, 1]), 1.0)
    without = measured(sensor, 1.1)

    sensor.write(bytes([CTRL_MEAS, FORCED]), 2.0)

    assert without[6:] == b"\x80\x00"
    assert measured(sensor, 2.1)[6:] != b"\x80\x00"


def test_in_normal_mode_it_measures_over_and_over() -> None:
    sensor = Bme280(lambda now: EXAMPLE._replace(temperature_c=now))
    sensor.write(bytes([CONFIG, 0x00, CTRL_MEAS, NORMAL]), 10.0)

    codes = [measured(sensor, now)[3:6] for now in (10.1, 10.1005, 20.1)]

    assert codes[0] == codes[1] < codes[2]
    assert registers(sensor, CTRL_MEAS, 1, 30.0) == bytes([NORMAL])


def test_a_reset_takes_two_milliseconds_in_which_it_does_not_answer() -> None:
    sensor = chip()
    sensor.write(bytes([CTRL_HUM, 1, CTRL_MEAS, FORCED]), 1.0)
    sensor.write(bytes([RESET, 0xB6]), 2.0)

    with pytest.raises(OSError, match="Remote I/O"):
        sensor.read(1, 2.001)

    assert registers(sensor, STATUS, 1, 2.0025) == b"\x01"
    assert registers(sensor, STATUS, 1, 2.004) == b"\x00"
    assert registers(sensor, CTRL_HUM, 1, 2.004) == b"\x00"


def test_a_brown_out_loses_the_settings_and_not_the_calibration() -> None:
    sensor = chip()
    before = registers(sensor, 0x88, 26, 1.0)
    sensor.write(bytes([CTRL_HUM, 1, CTRL_MEAS, 0x24]), 1.0)

    sensor.power_cycle(2.0)

    assert registers(sensor, CTRL_HUM, 3, 3.0) == bytes(3)
    assert registers(sensor, 0x88, 26, 3.0) == before


def test_a_stuck_chip_measures_until_it_is_freed() -> None:
    sensor = chip()
    sensor.stuck_until = 60.0
    sensor.write(bytes([CTRL_MEAS, FORCED]), 1.0)

    assert registers(sensor, STATUS, 1, 59.0) == b"\x08"
    assert registers(sensor, STATUS, 1, 61.0) == b"\x00"


def test_a_bmp280_has_no_humidity() -> None:
    sensor = chip(0x58)
    sensor.write(bytes([CTRL_HUM, 1, CTRL_MEAS, FORCED]), 1.0)

    assert registers(sensor, CTRL_HUM, 1, 1.1) == b"\x00"
    assert measured(sensor, 1.1)[6:] == b"\x80\x00"
