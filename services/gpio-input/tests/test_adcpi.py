"""AB Electronics' own class against the direct driver, on the same simulated chips; in virtual time."""

import sys
from collections import Counter
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from picket_gpio_input.sampling import adcpi
from picket_gpio_input.sampling.adcpi import AdcPi, Channel, NeverReadyError, SequentialScan
from picket_gpio_input.sampling.mcp3424 import Mcp3424
from picket_gpio_input.sampling.sampler import Found, Lost, Sample, Sampler, Scan
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp3424 as chip

LIBRARY_DIVIDER = 2.471  # theirs; ours is 2.4706


class Bench:
    """Two chips on a bus; their class waits on the bus's clock too."""

    def __init__(self, clock_factor: float = 1.0) -> None:
        self.clock = VirtualClock()
        self.volts = 0.5
        chips = {a: chip.Mcp3424(lambda channel, _now: channel * self.volts, clock_factor) for a in (0x68, 0x69)}
        self.bus = Bus(chips, self.clock, bus_hertz=400_000)
        self.found: list[Sample | Lost | Found] = []

    def sample(self, bits: int = 12) -> Sampler:
        scans = [
            SequentialScan(AdcPi(self.bus, a), [Channel(f"{a:x}/{n}", n, bits, 1) for n in (1, 2)])
            for a in (0x68, 0x69)
        ]
        return Sampler(scans, self.found.append, self.clock.now, self.clock.sleep)

    def run(self, sampler: Sampler, seconds: float) -> Counter[str]:
        end = self.clock.now() + seconds
        self.found.clear()
        while self.clock.now() < end:
            sampler.step()
        return Counter(found.name for found in self.found if isinstance(found, Sample))

    def told(self) -> list[Lost | Found]:
        return [found for found in self.found if not isinstance(found, Sample)]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    library = pytest.importorskip(
        "ADCPi", reason="AB Electronics' ADCPi is not installed: its driver goes UNTESTED here (README: how to install)"
    )
    bench = Bench()
    waiting = SimpleNamespace(monotonic=bench.clock.now, sleep=bench.clock.sleep, time=bench.clock.now)
    monkeypatch.setattr(sys.modules[library.ADCPi.__module__], "time", waiting)
    return bench


def direct(bench: Bench, channel: Channel) -> float:
    """Return what the direct driver reads of a channel."""
    found: list[Sample | Lost | Found] = []
    driver = Mcp3424(bench.bus, 0x68)
    conversion = driver.conversion(channel.number, channel.bits, channel.gain)
    sampler = Sampler([Scan(driver, [("it", conversion)])], found.append, bench.clock.now, bench.clock.sleep)
    while not found:
        sampler.step()
    assert isinstance(found[0], Sample)
    return found[0].volts


@pytest.mark.parametrize("gain", [1, 2, 4, 8])
@pytest.mark.parametrize("bits", [12, 14, 16, 18])
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_both_drivers_read_the_same_volts(bench: Bench, number: int, bits: int, gain: int) -> None:
    bench.volts = 0.45 / gain
    channel = Channel("it", number, bits, gain)

    theirs, ours = AdcPi(bench.bus, 0x68).read(channel), direct(bench, channel)

    assert theirs == pytest.approx(ours, rel=0.0003, abs=0.003 / gain)
    assert theirs == pytest.approx(number * bench.volts * LIBRARY_DIVIDER, rel=0.001, abs=0.003 / gain)


def test_what_differs_below_zero(bench: Bench) -> None:
    bench.volts = -0.01
    channel = Channel("it", 1, 16, 1)

    assert direct(bench, channel) == pytest.approx(-0.0247, abs=0.001)
    assert AdcPi(bench.bus, 0x68).read(channel) == 0.0


def test_channels_of_one_chip_may_differ_in_resolution_and_gain(bench: Bench) -> None:
    driver = AdcPi(bench.bus, 0x68)
    channels = [Channel("a", 1, 12, 1), Channel("b", 2, 18, 1), Channel("c", 1, 12, 2)] * 2

    volts = [driver.read(channel) for channel in channels]

    assert volts == pytest.approx([0.5 * LIBRARY_DIVIDER, LIBRARY_DIVIDER, 0.5 * LIBRARY_DIVIDER] * 2, abs=0.003)


@pytest.mark.parametrize("clock_factor", [chip.SLOWEST, chip.FASTEST], ids=["176-SPS", "328-SPS"])
def test_its_scan_gives_samples_of_their_own_channels(bench: Bench, clock_factor: float) -> None:
    for simulated in bench.bus.chips.values():
        simulated._clock_factor = clock_factor  # type: ignore[attr-defined]

    counts = bench.run(bench.sample(), 2)

    assert min(counts.values()) == pytest.approx(2 / 4 * 240 * clock_factor, rel=0.15)
    for found in bench.found:
        assert isinstance(found, Sample)
        assert found.volts == pytest.approx(int(found.name[-1]) * 0.5 * LIBRARY_DIVIDER, abs=0.003)


@pytest.mark.parametrize(("bits", "seconds"), [(12, 0.43), (14, 1.7), (16, 6.7), (18, 26.8)])
def test_a_stuck_chip_holds_the_bus_no_longer_than_the_librarys_own_timeout(
    bench: Bench, bits: int, seconds: float
) -> None:
    bench.bus.fault(0x68, "stuck")
    began = bench.clock.now()

    with pytest.raises(NeverReadyError):
        AdcPi(bench.bus, 0x68).read(Channel("it", 1, bits, 1))

    assert bench.clock.now() - began < seconds


@pytest.mark.parametrize(
    ("fault", "text", "share"),
    [("nack", "does not answer: Remote I/O error", 1.5), ("stuck", "answers but is never ready", 1.2)],
)
def test_a_lost_chip_is_told_once_and_heals_and_the_other_goes_on(
    bench: Bench, fault: str, text: str, share: float
) -> None:
    sampler = bench.sample()
    healthy = bench.run(sampler, 30)["68/1"]

    bench.bus.fault(0x69, fault, 30.0)
    meanwhile = bench.run(sampler, 30)
    told = bench.told()
    after = bench.run(sampler, 30)

    assert told == [Lost(0x69, ("69/1", "69/2"), text)]
    assert meanwhile["68/1"] > share * healthy  # the lost chip's turns are the other's
    assert bench.told() == [Found(0x69, ("69/1", "69/2"))]
    assert after["69/1"] > 0.7 * healthy


def test_a_brown_out_costs_nothing_but_the_conversion(bench: Bench) -> None:
    sampler = bench.sample()
    bench.run(sampler, 0.5)

    bench.bus.fault(0x68, "brownout")
    counts = bench.run(sampler, 1)

    assert bench.told() == []
    assert counts["68/1"] > 50


def test_a_missing_package_is_a_loss_of_the_chips_inputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ADCPi", None)
    bench = Bench()

    bench.run(bench.sample(), 2)

    texts = [found.text for found in bench.told() if isinstance(found, Lost)]
    assert texts == ["does not answer: AB Electronics' ADCPi is not installed (the README says how)"] * 2


@pytest.mark.parametrize("name", ["ADCTimeoutError", "TimeoutError"], ids=["2.5.3", "before"])
def test_the_timeout_has_two_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    error = type(name, (Exception,), {})
    monkeypatch.setitem(sys.modules, "ADCPi", SimpleNamespace(**{name: error}))  # type: ignore[arg-type]

    assert adcpi.timeout_errors() is error
