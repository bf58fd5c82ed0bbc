"""The real driver and sampler on simulated chips, in virtual time."""

from collections import Counter
from collections.abc import Callable

import pytest

from picket_gpio_input.mcp3424 import DIVIDER, Mcp3424
from picket_gpio_input.sampler import Found, Lost, Sample, Sampler, Scan
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp3424 as chip


class Bench:
    """Two chips on a bus, and a sampler over six of their channels."""

    def __init__(self, clock_factor: float = 1.0, bits: int = 12) -> None:
        self.clock = VirtualClock()
        volts: Callable[[int, float], float] = lambda channel, _now: channel / 4  # noqa: E731
        self.bus = Bus({a: chip.Mcp3424(volts, clock_factor) for a in (0x68, 0x69)}, clock=self.clock)
        self.found: list[Sample | Lost | Found] = []
        scans = [
            Scan(Mcp3424(self.bus, 0x68, bits), {1: "a1", 2: "a2", 3: "a3", 4: "a4"}),
            Scan(Mcp3424(self.bus, 0x69, bits), {1: "b1", 3: "b3"}),
        ]
        self.sampler = Sampler(scans, self.found.append, self.clock.now, self.clock.sleep)

    def run(self, seconds: float) -> Counter[str]:
        """Sample for so long, and count the samples of each input."""
        end = self.clock.now() + seconds
        self.found.clear()
        while self.clock.now() < end:
            self.sampler.step()
        return Counter(found.name for found in self.found if isinstance(found, Sample))


@pytest.mark.parametrize("clock_factor", [chip.SLOWEST, 1.0, chip.FASTEST], ids=["176 SPS", "240 SPS", "328 SPS"])
def test_every_sample_is_of_its_own_channel_whatever_the_chips_clock(clock_factor: float) -> None:
    bench = Bench(clock_factor)

    bench.run(1)

    for found in bench.found:
        assert isinstance(found, Sample)
        assert found.volts == pytest.approx(int(found.name[1]) / 4 * DIVIDER, abs=0.003)


def test_chips_convert_side_by_side_and_only_configured_channels_take_time() -> None:
    counts = Bench().run(1)

    assert all(45 <= counts[name] <= 60 for name in ("a1", "a2", "a3", "a4"))
    assert all(90 <= counts[name] <= 120 for name in ("b1", "b3"))


@pytest.mark.parametrize("bits", [12, 14, 16, 18])
def test_every_resolution_reads_the_same_volts(bits: int) -> None:
    bench = Bench(bits=bits)

    bench.run(3)

    first = next(found for found in bench.found if isinstance(found, Sample) and found.name == "a2")
    assert first.volts == pytest.approx(0.5 * DIVIDER, abs=0.003)


@pytest.mark.parametrize("fault", ["nack", "stuck"])
def test_a_lost_chip_is_told_once_costs_the_other_nothing_and_heals(fault: str) -> None:
    bench = Bench()
    healthy = bench.run(2)["a1"]

    bench.bus.fault(0x69, fault, 5.0)
    meanwhile = bench.run(4)
    told = [type(found) for found in bench.found if not isinstance(found, Sample)]
    after = bench.run(4)

    assert told == [Lost]
    assert meanwhile["a1"] >= 2 * healthy * 0.98
    assert meanwhile["b1"] <= 1
    assert [type(found) for found in bench.found if not isinstance(found, Sample)] == [Found]
    assert after["b1"] > 100


def test_a_chip_that_lost_its_power_is_started_anew() -> None:
    bench = Bench()
    bench.run(0.5)

    bench.bus.fault(0x68, "brownout")
    counts = bench.run(2)

    assert counts["a1"] > 50
