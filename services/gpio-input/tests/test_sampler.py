"""The real driver and sampler on simulated chips, in virtual time."""

import errno
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import pytest

from picket.i2c import READ
from picket_gpio_input.sampling.adcpi import Channel
from picket_gpio_input.sampling.mcp3424 import DIVIDER, TYPICAL_SECONDS, Mcp3424
from picket_gpio_input.sampling.rates import Round, least_per_second
from picket_gpio_input.sampling.sampler import Found, Lost, Sample, Sampler, Scan
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp3424 as chip

# A configuration byte and a read of three, with start, address and stop.
SAMPLE_BITS = 20 + 38
SETTLE_SECONDS = 2


class CountingBus(Bus):
    """A bus that knows how many transfers it carried, and may let the next of them fail."""

    transfers = 0
    glitches = 0

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        self.transfers += 1
        if self.glitches:
            self.glitches -= 1
            raise OSError(errno.EIO, "a spark")
        return super().transfer(messages)


class Bench:
    """Chips with clocks of their own on one bus, and a sampler over their channels."""

    def __init__(
        self,
        *clock_factors: float,
        hertz: int = 100_000,
        overhead_us: int = 0,
        channels: Sequence[int] = (1, 2, 3, 4),
        bits: Callable[[int], int] = lambda _channel: 12,
        gain: int = 1,
        sleep_late_us: int = 0,
    ) -> None:
        self.clock = VirtualClock()
        self._channels, self._bits = channels, bits
        volts: Callable[[int, float], float] = lambda channel, _now: channel / 4 / gain  # noqa: E731
        self.chips = {0x68 + n: chip.Mcp3424(volts, factor) for n, factor in enumerate(clock_factors)}
        self.bus = CountingBus(self.chips, self.clock, hertz, overhead_us * 1e-6)
        self.found: list[Sample | Lost | Found] = []
        scans = []
        for address in self.chips:
            driver = Mcp3424(self.bus, address)
            conversions = [(f"{address:x}/{c}", driver.conversion(c, bits(c), gain)) for c in channels]
            scans.append(Scan(driver, conversions))
        sleep: Callable[[float], None] = lambda seconds: self.clock.sleep(seconds + sleep_late_us * 1e-6)  # noqa: E731
        self.sampler = Sampler(scans, self.found.append, self.clock.now, sleep)

    def run(self, seconds: float) -> Counter[str]:
        """Sample for so long, and count the samples of each input."""
        end = self.clock.now() + seconds
        self.found.clear()
        self.bus.transfers = 0
        while self.clock.now() < end:
            self.sampler.step()
        return Counter(found.name for found in self.found if isinstance(found, Sample))

    def expected(self) -> dict[str, float]:
        """Return what each input's samples per second are expected to be at the least."""
        channels = {a: [Channel(f"{a:x}/{c}", c, self._bits(c), 1) for c in self._channels] for a in self.chips}
        return least_per_second(Round(found, blocks=False) for found in channels.values())

    def told(self) -> list[Lost | Found]:
        return [found for found in self.found if not isinstance(found, Sample)]


def limit(clock_factor: float, hertz: int, overhead_us: int) -> float:
    """Return the samples a second of one channel of four: a conversion, a start and a read."""
    return 1 / (TYPICAL_SECONDS[12] / clock_factor + SAMPLE_BITS / hertz + 2 * overhead_us * 1e-6) / 4


@pytest.mark.parametrize("overhead_us", [0, 150], ids=["no-overhead", "150-us"])
@pytest.mark.parametrize("hertz", [100_000, 400_000], ids=["100-kHz", "400-kHz"])
@pytest.mark.parametrize("clock_factor", [chip.SLOWEST, 1.0, chip.FASTEST], ids=["176-SPS", "240-SPS", "328-SPS"])
@pytest.mark.parametrize("boards", [1, 2, 4])
def test_it_reaches_what_the_chips_and_the_bus_allow(
    boards: int, clock_factor: float, hertz: int, overhead_us: int
) -> None:
    bench = Bench(*[clock_factor] * 2 * boards, hertz=hertz, overhead_us=overhead_us)
    bench.run(SETTLE_SECONDS)

    counts = bench.run(3)

    of_the_bus = 1 / (SAMPLE_BITS / hertz + 2 * overhead_us * 1e-6) / (8 * boards)
    reachable = min(limit(clock_factor, hertz, overhead_us), of_the_bus)
    assert min(counts.values()) / 3 >= 0.97 * reachable
    assert min(counts.values()) / 3 >= 0.97 * min(bench.expected().values())
    assert bench.bus.transfers / counts.total() <= 2.3


@pytest.mark.parametrize(
    "clock_factors",
    [(chip.SLOWEST, chip.FASTEST), (0.93, 1.07), (0.93, 1.0, 0.98, 1.07)],
    ids=["176-and-328", "a-little-apart", "two-boards"],
)
def test_no_chip_is_held_back_by_a_slower_one(clock_factors: tuple[float, ...]) -> None:
    bench = Bench(*clock_factors)
    bench.run(SETTLE_SECONDS)

    counts = bench.run(5)

    for number, factor in enumerate(clock_factors):
        assert counts[f"{0x68 + number:x}/1"] / 5 >= 0.97 * limit(factor, 100_000, 0)


@pytest.mark.parametrize("clock_factor", [chip.SLOWEST, 1.0, chip.FASTEST], ids=["176-SPS", "240-SPS", "328-SPS"])
def test_every_sample_is_of_its_own_channel_whatever_the_chips_clock(clock_factor: float) -> None:
    bench = Bench(clock_factor, clock_factor)

    bench.run(1)

    for found in bench.found:
        assert isinstance(found, Sample)
        assert found.volts == pytest.approx(int(found.name[-1]) / 4 * DIVIDER, abs=0.003)


def test_only_configured_channels_take_time() -> None:
    four = Bench(1.0).run(2)["68/1"]
    two = Bench(1.0, channels=(1, 3)).run(2)["68/1"]

    assert two == pytest.approx(2 * four, rel=0.02)


def test_a_systems_late_sleep_is_learned_and_costs_nothing() -> None:
    bench = Bench(1.0, 1.0, sleep_late_us=100)
    bench.run(SETTLE_SECONDS)

    counts = bench.run(3)

    assert counts["68/1"] / 3 >= 0.97 * limit(1.0, 100_000, 0)


@pytest.mark.parametrize("gain", [1, 2, 4, 8])
@pytest.mark.parametrize("bits", [12, 14, 16, 18])
def test_every_resolution_and_gain_reads_the_same_volts(bits: int, gain: int) -> None:
    bench = Bench(1.0, bits=lambda _channel: bits, gain=gain)

    bench.run(2)

    first = next(found for found in bench.found if isinstance(found, Sample) and found.name == "68/2")
    assert first.volts == pytest.approx(0.5 / gain * DIVIDER, abs=0.003)


def test_inputs_of_one_chip_may_differ_in_resolution() -> None:
    bench = Bench(0.9, bits={1: 12, 2: 18, 3: 12, 4: 16}.__getitem__)

    counts = bench.run(20)

    a_round = sum(TYPICAL_SECONDS[bits] for bits in (12, 18, 12, 16)) / 0.9 + 4 * SAMPLE_BITS / 100_000
    assert all(count == pytest.approx(20 / a_round, rel=0.03) for count in counts.values())


@pytest.mark.parametrize(
    ("fault", "text"),
    [("nack", "does not answer: Remote I/O error"), ("stuck", "answers but is never ready")],
)
@pytest.mark.parametrize("boards", [1, 2, 4])
def test_a_lost_chip_is_told_once_costs_the_others_nothing_and_heals(boards: int, fault: str, text: str) -> None:
    bench = Bench(*[1.0] * 2 * boards)
    bench.run(SETTLE_SECONDS)
    healthy = bench.run(4)["68/1"]

    bench.bus.fault(0x69, fault, 5.0)
    meanwhile = bench.run(4)
    told = bench.told()
    after = bench.run(4)

    assert told == [Lost(0x69, ("69/1", "69/2", "69/3", "69/4"), text)]
    # Eight chips on a full bus go in step, a little faster than the sum of a sample's parts; seven do not.
    assert meanwhile["68/1"] >= 0.985 * min(healthy, 4 * limit(1.0, 100_000, 0))
    assert meanwhile["69/1"] <= 1
    assert bench.told() == [Found(0x69, ("69/1", "69/2", "69/3", "69/4"))]
    assert after["69/1"] > 100


def test_a_board_that_was_never_there_costs_the_other_nothing() -> None:
    alone = Bench(1.0, 1.0)
    alone.run(SETTLE_SECONDS)
    bench = Bench(1.0, 1.0, 1.0, 1.0)
    bench.bus.fault(0x6A, "nack")
    bench.bus.fault(0x6B, "nack")
    bench.run(SETTLE_SECONDS)

    counts = bench.run(4)

    assert counts["68/1"] >= 0.99 * alone.run(4)["68/1"]
    assert set(counts) == {f"{address}/{channel}" for address in (68, 69) for channel in (1, 2, 3, 4)}


def test_a_single_transfer_that_fails_costs_some_milliseconds_and_is_no_loss() -> None:
    bench = Bench(1.0)
    bench.run(SETTLE_SECONDS)

    bench.bus.glitches = 1
    counts = bench.run(1)

    assert bench.told() == []
    assert gap(bench, "68/1") < 0.05
    assert counts["68/1"] > 50


def test_a_brown_out_costs_a_conversion_and_is_no_loss() -> None:
    bench = Bench(1.0)
    bench.run(SETTLE_SECONDS)

    bench.bus.fault(0x68, "brownout")
    bench.run(1)

    assert bench.told() == []
    assert gap(bench, "68/1") < 0.05


def test_a_bus_that_takes_its_time_to_fail_is_asked_the_more_rarely() -> None:
    class Slow(CountingBus):
        def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
            sent = list(messages)
            if sent[0][0] == 0x69 and sent[0][1] != READ:
                self.clock.sleep(1.0)
                raise OSError(errno.ETIMEDOUT, "Connection timed out")
            return super().transfer(sent)

    bench = Bench(1.0, 1.0)
    bench.bus.__class__ = Slow
    bench.run(5)

    counts = bench.run(60)

    assert counts["68/1"] / 60 >= 0.8 * limit(1.0, 100_000, 0)


@pytest.mark.parametrize("held_up_seconds", [0.001, 0.02, 0.5])
def test_nothing_wrong_is_learned_while_the_thread_is_held_up(held_up_seconds: float) -> None:
    bench = Bench(1.0)
    bench.run(SETTLE_SECONDS)
    healthy = bench.run(2)["68/1"]
    steps = iter(range(1_000_000))
    real_now = bench.clock.now

    def now() -> float:
        if next(steps) % 17 == 0:
            bench.clock.sleep(held_up_seconds)  # between a transfer and the look at the clock, among others
        return real_now()

    bench.sampler._clock = now
    for _ in range(500):
        bench.sampler.step()
    bench.sampler._clock = real_now
    bench.run(0.5)

    assert bench.run(2)["68/1"] >= 0.99 * healthy


@pytest.mark.parametrize(("before", "after"), [(1.0, 1.05), (1.0, 0.95), (chip.FASTEST, chip.SLOWEST)])
def test_a_clock_that_drifts_is_followed(before: float, after: float) -> None:
    bench = Bench(before)
    bench.run(SETTLE_SECONDS)

    bench.chips[0x68]._clock_factor = after
    bench.run(10)
    counts = bench.run(3)

    assert counts["68/1"] / 3 >= 0.97 * limit(after, 100_000, 0)


def gap(bench: Bench, name: str) -> float:
    """Return the longest interval between two samples of an input."""
    times = [found.now for found in bench.found if isinstance(found, Sample) and found.name == name]
    return max(later - earlier for earlier, later in pairwise(times))
