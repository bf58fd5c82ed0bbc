import pytest

from picket_simulator.chips.mcp3424 import CONVERT, FASTEST, LATCH, RESET, SLOWEST, Mcp3424

ONE_SHOT_12, CONTINUOUS_12 = 0x80, 0x10
PERIOD_12 = 1 / 240


def channel_volts(channel: int, _now: float) -> float:
    """Put 0.1 V on channel 1, 0.2 V on channel 2 and so on."""
    return channel / 10


def ready(chip: Mcp3424, now: float) -> bool:
    return not chip.read(3, now)[2] & 0x80


def millivolts(chip: Mcp3424, now: float) -> int:
    return int.from_bytes(chip.read(2, now), "big", signed=True)


def test_after_power_on_it_converts_channel_1_continuously_with_12_bits() -> None:
    chip = Mcp3424(channel_volts)

    assert chip.read(3, 0.001) == bytes([0, 0, 0x90])
    assert chip.read(3, 0.005) == bytes([0, 100, 0x10])


def test_in_continuous_mode_a_result_is_ready_once() -> None:
    chip = Mcp3424(channel_volts)

    seen = [ready(chip, now) for now in (0.005, 0.006, 0.0087, 0.0088)]

    assert seen == [True, False, True, False]


def test_in_one_shot_mode_a_result_stays_ready_until_the_next_start() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([ONE_SHOT_12]), 1.0)

    seen = [ready(chip, now) for now in (1.004, 1.0042, 1.1)]
    chip.write(bytes([ONE_SHOT_12]), 1.2)

    assert seen == [False, True, True]
    assert not ready(chip, 1.201)


@pytest.mark.parametrize(
    ("before", "written", "restarts"),
    [
        pytest.param(0x10, 0x10, False, id="continuous, the same"),
        pytest.param(0x10, 0x90, False, id="continuous, the same with RDY, which it ignores"),
        pytest.param(0x10, 0x30, True, id="continuous, another channel"),
        pytest.param(0x80, 0x00, False, id="one-shot, the same without a start"),
        pytest.param(0x80, 0x80, True, id="one-shot, the same with a start"),
        pytest.param(0x80, 0x20, True, id="one-shot, another channel without a start"),
        pytest.param(0x80, 0x90, True, id="from one-shot to continuous"),
    ],
)
def test_a_write_restarts_the_conversion_only_if_it_must(before: int, written: int, restarts: bool) -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([before]), 1.0)

    chip.write(bytes([written]), 1.0 + PERIOD_12 * 0.6)

    assert ready(chip, 1.0 + PERIOD_12 * 1.1) is not restarts


def test_the_old_channels_value_is_read_until_the_new_one_is_done() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([0x80]), 1.0)
    assert millivolts(chip, 1.1) == 100

    chip.write(bytes([0xA0]), 2.0)

    assert (millivolts(chip, 2.001), ready(chip, 2.001)) == (100, False)
    assert (millivolts(chip, 2.005), ready(chip, 2.005)) == (200, True)


@pytest.mark.parametrize(
    ("config", "volts", "reading"),
    [
        pytest.param(0x80, 1.0, "03e8 00", id="12 bit"),
        pytest.param(0x80, -0.001, "ffff 00", id="12 bit, negative"),
        pytest.param(0x80, 3.0, "07ff 00", id="12 bit, clipped"),
        pytest.param(0x80, -3.0, "f800 00", id="12 bit, clipped below"),
        pytest.param(0x84, 1.0, "0fa0 04", id="14 bit"),
        pytest.param(0x88, 1.0, "3e80 08", id="16 bit"),
        pytest.param(0x8C, 1.0, "00fa00 0c", id="18 bit"),
        pytest.param(0x8C, -1.0, "ff0600 0c", id="18 bit, sign extended"),
        pytest.param(0x83, 0.1, "0320 03", id="gain 8"),
    ],
)
def test_codes_are_twos_complement_in_the_bytes_of_the_resolution(config: int, volts: float, reading: str) -> None:
    chip = Mcp3424(lambda _channel, _now: volts)
    chip.write(bytes([config]), 1.0)

    expected = bytes.fromhex(reading)

    assert chip.read(len(expected), 2.0) == expected


def test_reads_may_stop_early_or_go_on_with_the_configuration_byte() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([0x80]), 1.0)

    assert chip.read(1, 2.0) == bytes([0])
    assert chip.read(5, 2.0) == bytes([0, 100, 0, 0, 0])


@pytest.mark.parametrize("factor", [SLOWEST, 1.0, FASTEST])
@pytest.mark.parametrize(
    ("bits", "config", "per_second"), [(12, 0x80, 240), (14, 0x84, 60), (16, 0x88, 15), (18, 0x8C, 3.75)]
)
def test_a_conversion_takes_the_time_of_the_chips_own_clock(
    factor: float, bits: int, config: int, per_second: float
) -> None:
    chip, period = Mcp3424(clock_factor=factor), 1 / per_second / factor
    chip.write(bytes([config]), 1.0)

    readings = [chip.read(4, 1.0 + period * share) for share in (0.99, 1.01)]

    config_at = 3 if bits == 18 else 2
    assert [reading[config_at] >> 7 for reading in readings] == [1, 0]


def test_a_clock_out_of_tolerance_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected 0\.73 to 1\.37, got 2"):
        Mcp3424(clock_factor=2)


def test_general_call_reset_goes_back_to_power_on() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([0xAC]), 1.0)

    acknowledged = chip.general_call(bytes([RESET]), 2.0)

    assert acknowledged
    assert chip.read(3, 2.001) == bytes([0, 0, 0x90])


def test_general_call_latch_disturbs_nothing() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([0xA0]), 1.0)

    chip.general_call(bytes([LATCH]), 1.002)

    assert chip.read(3, 1.0043) == bytes([0, 200, 0x20])


def test_general_call_convert_forces_one_shot_and_keeps_rate_gain_and_channel() -> None:
    chip = Mcp3424(channel_volts)
    chip.write(bytes([0x35]), 1.0)  # channel 2, continuous, 14 bit, gain 2

    chip.general_call(bytes([CONVERT]), 2.0)

    assert not ready(chip, 2.016)
    assert chip.read(3, 2.017) == bytes([0x06, 0x40, 0x25])


def test_a_stuck_chip_acknowledges_and_is_never_ready() -> None:
    chip = Mcp3424(channel_volts)
    chip.stuck_until = 5.0

    chip.write(bytes([0x80]), 1.0)

    assert chip.read(5, 4.9) == bytes([0, 0, 0, 0x8C, 0x8C])
    assert millivolts(chip, 5.0) == 100


def test_a_result_stands_for_the_middle_of_its_conversion() -> None:
    chip = Mcp3424(lambda _channel, now: 0.1 if now < 1.002 else 0.2)

    chip.write(bytes([0x80]), 1.0)

    assert millivolts(chip, 2.0) == 200
