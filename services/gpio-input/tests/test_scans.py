"""From the configuration to samples: which chips and channels of a bus are scanned, how, and by which driver."""

from collections import Counter
from typing import Any

import pytest

from picket.config.schema import AdcBoard, AnalogPir, Config, DigitalPir
from picket_gpio_input.sampling.adcpi import SequentialScan
from picket_gpio_input.sampling.mcp3424 import DIVIDER
from picket_gpio_input.sampling.sampler import Found, Lost, Sample, Sampler, Scan
from picket_gpio_input.service import scans
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp3424 as chip

BUS = "/dev/i2c-1"


def config(inputs: dict[str, Any], **boards: AdcBoard) -> Config:
    return Config(device="test", adc_boards=boards, inputs=inputs)


def run(settings: Config, seconds: float) -> tuple[Counter[str], dict[str, float]]:
    """Sample a bus of eight chips for so long; return each input's count and its last volts."""
    clock = VirtualClock()
    chips = {address: chip.Mcp3424(lambda channel, _now: channel / 40) for address in range(0x68, 0x70)}
    bus = Bus(chips, clock, bus_hertz=400_000)
    found: list[Sample | Lost | Found] = []
    sampler = Sampler(scans(settings, BUS, bus), found.append, clock.now, clock.sleep)
    while clock.now() < seconds:
        sampler.step()
    samples = [one for one in found if isinstance(one, Sample)]
    return Counter(one.name for one in samples), {one.name: one.volts for one in samples}


def test_channels_5_to_8_are_the_second_chip() -> None:
    counts, volts = run(config({"a": AnalogPir(channel=3), "b": DigitalPir(channel=6)}, main=AdcBoard()), 2)

    assert set(counts) == {"a", "b"}
    assert volts == {"a": pytest.approx(0.075 * DIVIDER, abs=0.003), "b": pytest.approx(0.05 * DIVIDER, abs=0.003)}


def test_four_boards_of_eight_channels_are_sampled_on_one_bus() -> None:
    boards = {f"board{n}": AdcBoard(addresses=[0x68 + 2 * n, 0x69 + 2 * n]) for n in range(4)}
    inputs = {f"i{n}_{c}": AnalogPir(board=f"board{n}", channel=c) for n in range(4) for c in range(1, 9)}

    counts, _ = run(config(inputs, **boards), 2)

    assert len(counts) == 32
    assert min(counts.values()) >= 0.95 * 2 * 57.9


def test_an_input_has_its_own_resolution_and_gain_or_its_boards() -> None:
    inputs = {
        "fine": AnalogPir(channel=1, bits=18),
        "loud": AnalogPir(channel=2, bits=12, gain=8),
        "plain": AnalogPir(channel=3),
    }

    _, volts = run(config(inputs, main=AdcBoard(bits=16)), 3)

    assert volts["fine"] == pytest.approx(0.025 * DIVIDER, abs=0.00005)
    assert volts["loud"] == pytest.approx(0.05 * DIVIDER, abs=0.0004)
    assert volts["plain"] == pytest.approx(0.075 * DIVIDER, abs=0.0002)


def test_each_board_has_its_own_driver() -> None:
    boards = {"ours": AdcBoard(), "theirs": AdcBoard(addresses=[0x6A], driver="abelectronics")}
    inputs = {"a": AnalogPir(board="ours", channel=1), "b": AnalogPir(board="theirs", channel=1)}

    found = scans(config(inputs, **boards), BUS, Bus({}, VirtualClock()))

    assert [type(scan) for scan in found] == [Scan, SequentialScan]


def test_a_board_on_another_bus_is_not_of_this_one() -> None:
    boards = {"here": AdcBoard(), "there": AdcBoard(bus="/dev/i2c-3")}
    inputs = {"a": AnalogPir(board="here", channel=1), "b": AnalogPir(board="there", channel=1)}

    counts, _ = run(config(inputs, **boards), 1)

    assert set(counts) == {"a"}
