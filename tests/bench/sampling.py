"""How fast inputs are sampled: the real driver and sampler on simulated chips, in virtual time.

Two peers: what the chips and the wire allow, and the vendor's library, which reads one channel after another: the
class itself where it is installed, else a loop that makes the same transfers.
"""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from types import SimpleNamespace
from typing import Any, NamedTuple

from smbus2 import i2c_msg

from picket_gpio_input.sampling.mcp3424 import RATE_BITS, TYPICAL_SECONDS, Mcp3424
from picket_gpio_input.sampling.sampler import Deliver, Found, Lost, Sample, Sampler, Scan
from picket_simulator.bus import Bus, MonotonicClock, VirtualClock
from picket_simulator.chips import mcp3424 as chip
from tests.bench.figures import Figure, progress

BITS = 12
CHANNELS = (1, 2, 3, 4)
SETTLE_SECONDS, SECONDS = 2.0, 5.0
# S, address and R/W with ACK, then 9 bits a byte, P: a configuration byte, and a read of three.
SAMPLE_BITS = (1 + 9 + 9 + 1) + (1 + 9 + 3 * 9 + 1)
CONTINUOUS, NOT_READY = 0x10, 0x80
NAP_SECONDS = 10e-6

CLOCKS: dict[str, Callable[[int], list[float]]] = {
    "chips at 176 SPS": lambda chips: [chip.SLOWEST] * chips,
    "chips at 328 SPS": lambda chips: [chip.FASTEST] * chips,
    "chips 10 % apart": lambda chips: [0.95 + 0.1 * n / (chips - 1) for n in range(chips)],
    "chips from 176 to 328 SPS": lambda chips: [
        chip.SLOWEST + (chip.FASTEST - chip.SLOWEST) * n / (chips - 1) for n in range(chips)
    ],
}
LIMIT = "reachable limit: conversion, start and read in turn; the bus shared"
LOOP = "sequential loop, in the vendor's manner"
LIBRARY = "vendor's library, read_voltage in turn"
ALONE = "the same without the fault"
RATE = "samples_per_second_per_channel"


class CountingBus(Bus):
    """A bus that knows how many transfers it carried."""

    transfers = 0

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        """Carry the messages, and count."""
        self.transfers += 1
        return super().transfer(messages)


class NoBus:
    """A bus that takes no time, with chips that are always done: what is left is the sampler's own work."""

    _config = b""

    def i2c_rdwr(self, message: i2c_msg) -> None:
        """Answer a read with what was written last."""
        if message.flags:
            message.buf[2] = self._config
        else:
            self._config = bytes([ord(message.buf[0]) & ~NOT_READY])


class Rate(NamedTuple):
    """What came of a run."""

    per_channel: float
    transfers_per_sample: float
    of_first_chip: float


def run() -> Iterator[Figure]:
    """Measure all of it."""
    vendor = LIBRARY if find_spec("ADCPi") else LOOP
    if vendor is LOOP:
        progress("  AB Electronics' ADCPi is not installed: a loop that makes the same transfers stands for it")
    yield from against_the_vendor(vendor)
    for name, clocks in CLOCKS.items():
        yield from against_the_limit(name, clocks)
    yield from beside_faults()
    yield on_the_machines_own_clock()
    yield cost()


def against_the_vendor(vendor: str) -> Iterator[Figure]:
    """Measure 1, 2 and 4 boards of two typical chips, both bus speeds, without and with the host's time a transfer."""
    for boards, hertz, overhead_us in product((1, 2, 4), (100_000, 400_000), (0, 150)):
        case = f"{boards} board{'s' * (boards > 1)}, {hertz // 1000} kHz, {overhead_us} us"
        clocks = [1.0] * 2 * boards
        ours = sampled(bus_of(clocks, hertz, overhead_us))
        bus = bus_of(clocks, hertz, overhead_us)
        theirs = with_the_library(bus) if vendor is LIBRARY else one_after_another(bus)
        yield of_limit(case, ours, clocks, hertz, overhead_us)
        ratio = ours.per_channel / theirs.per_channel
        yield Figure(case=case, metric=RATE, value=ours.per_channel, unit="1/s", against=vendor, ratio=ratio)
        yield Figure(
            case=case,
            metric="transfers_per_sample",
            value=ours.transfers_per_sample,
            unit="1",
            against=vendor,
            ratio=ours.transfers_per_sample / theirs.transfers_per_sample,
        )


def against_the_limit(name: str, clocks_of: Callable[[int], list[float]]) -> Iterator[Figure]:
    """Measure chips that are not typical."""
    for boards, hertz, overhead_us in product((1, 2, 4), (100_000, 400_000), (0, 150)):
        case = f"{boards} board{'s' * (boards > 1)}, {hertz // 1000} kHz, {overhead_us} us, {name}"
        clocks = clocks_of(2 * boards)
        ours = sampled(bus_of(clocks, hertz, overhead_us))
        yield of_limit(case, ours, clocks, hertz, overhead_us)
        yield Figure(case=case, metric="transfers_per_sample", value=ours.transfers_per_sample, unit="1")


def beside_faults() -> Iterator[Figure]:
    """Measure the first chip while the second of a board gives nothing, and while a whole second board does."""
    for boards, faulty, kind in ((1, (0x69,), "nack"), (1, (0x69,), "stuck"), (2, (0x6A, 0x6B), "nack")):
        bus, sound = (bus_of([1.0] * 2 * boards, 100_000, 0) for _ in range(2))
        for address in faulty:
            bus.fault(address, kind)
        value, alone = sampled(bus).of_first_chip, sampled(sound).of_first_chip
        what = "a missing board" if len(faulty) > 1 else f"a {kind} chip"
        case = f"{boards} board{'s' * (boards > 1)}, 100 kHz, 0 us, beside {what}"
        yield Figure(case=case, metric=RATE, value=value, unit="1/s", against=ALONE, ratio=value / alone)


def on_the_machines_own_clock() -> Figure:
    """Measure one board in real time, with this system's sleep and its lateness."""
    clocks = [1.0, 1.0]
    ours = sampled(bus_of(clocks, 100_000, 0, MonotonicClock()))
    return of_limit("1 board, 100 kHz, 0 us, in real time", ours, clocks, 100_000, 0)


def cost() -> Figure:
    """Measure the work of driver and sampler for a sample, with eight chips."""
    value = seconds_without_a_bus(lambda _sample: None) * 1e6
    return Figure(case="driver and sampler, 8 chips, no bus", metric="cost_per_sample", value=value, unit="us")


def seconds_without_a_bus(take: Callable[[Sample], object]) -> float:
    """Return the processor's time for a sample of eight chips' 32 channels, `take` included."""
    count = 0

    def deliver(found: Sample | Lost | Found) -> None:
        nonlocal count
        count += 1
        if isinstance(found, Sample):
            take(found)

    drivers = [Mcp3424(NoBus(), 0x68 + n) for n in range(8)]  # type: ignore[arg-type]
    now = iter(range(1_000_000_000))
    sampler = Sampler(
        [Scan(driver, conversions(driver)) for driver in drivers],
        deliver,
        lambda: next(now) * 1e-3,
        lambda _seconds: None,
    )
    for _ in range(1000):
        sampler.step()
    count, began = 0, time.process_time()
    for _ in range(50_000):
        sampler.step()
    return (time.process_time() - began) / count


def of_limit(case: str, rate: Rate, clocks: Sequence[float], hertz: int, overhead_us: int) -> Figure:
    """Return a rate and its share of the limit."""
    reachable = limit(clocks, hertz, overhead_us)
    value = rate.per_channel
    return Figure(case=case, metric=RATE, value=value, unit="1/s", against=LIMIT, ratio=value / reachable)


def limit(clocks: Sequence[float], hertz: int, overhead_us: int) -> float:
    """Return what a channel gets when each chip converts, is read and started in turn, and the bus is not overbooked.

    An ideal run is somewhat faster, 2 % at 100 kHz: the end of the start and the first bits of the read fall into the
    conversion, and so does the host's own time after the start.
    """
    busy = SAMPLE_BITS / hertz + 2 * overhead_us * 1e-6
    of_chips = sum(1 / (TYPICAL_SECONDS[BITS] / clock + busy) for clock in clocks)
    return min(of_chips, 1 / busy) / (len(clocks) * len(CHANNELS))


def bus_of(
    clocks: Sequence[float], hertz: int, overhead_us: int, clock: VirtualClock | MonotonicClock | None = None
) -> CountingBus:
    """Return a bus of chips with these clocks, of a typical one's."""
    chips = {0x68 + n: chip.Mcp3424(lambda channel, _now: channel / 4, factor) for n, factor in enumerate(clocks)}
    bus = CountingBus(chips, clock or VirtualClock(), hertz, overhead_us * 1e-6)
    for simulated in chips.values():
        simulated.power_cycle(bus.clock.now())
    return bus


def conversions(driver: Mcp3424) -> list[tuple[str, Any]]:
    """Return a chip's four channels."""
    return [(f"{driver.address:x}/{n}", driver.conversion(n, BITS, 1)) for n in CHANNELS]


def sampled(bus: CountingBus) -> Rate:
    """Run the product's own sampler over all channels."""

    def sampler_of(deliver: Deliver) -> Callable[[], None]:
        scans = [Scan(driver, conversions(driver)) for driver in (Mcp3424(bus, a) for a in bus.chips)]
        return Sampler(scans, deliver, bus.clock.now, bus.clock.sleep).step

    return measured(bus, sampler_of)


def with_the_library(bus: CountingBus) -> Rate:
    """Read all channels with ADCPi.read_voltage, an object a board; its waits pass on the bus's clock too."""
    library: Any = import_module("ADCPi")

    class OnThisBus(library.ADCPi):  # type: ignore[misc]
        _ADCPi__get_smbus = staticmethod(lambda _number: bus)

    module: Any = sys.modules[library.ADCPi.__module__]
    waiting, module.time = module.time, SimpleNamespace(monotonic=bus.clock.now, sleep=bus.clock.sleep)
    addresses = list(bus.chips)

    def reader(deliver: Deliver) -> Callable[[], None]:
        boards = [OnThisBus(*pair, BITS) for pair in zip(addresses[::2], addresses[1::2], strict=True)]

        def read_all() -> None:
            for board, channel in product(boards, range(1, 9)):
                deliver(Sample(f"68/{channel}", board.read_voltage(channel), 0.0))

        return read_all

    try:
        return measured(bus, reader)
    finally:
        module.time = waiting


def one_after_another(bus: CountingBus) -> Rate:
    """Read each channel as the vendor's library does: its mode is continuous, and each poll writes the configuration.

    A new configuration starts a conversion; the same one again is left alone by the chip. So the first poll selects
    the channel, and the bus is busy until the result is there; only then comes the next channel, of whatever chip.
    """

    def reader(deliver: Deliver) -> Callable[[], None]:
        def read_all() -> None:
            for address, channel in product(bus.chips, CHANNELS):
                config = NOT_READY | (channel - 1) << 5 | CONTINUOUS | RATE_BITS[BITS] << 2
                while bus.read_i2c_block_data(address, config, 4)[2] & NOT_READY:
                    bus.clock.sleep(NAP_SECONDS)
                deliver(Sample(f"{address:x}/{channel}", 0.0, 0.0))

        return read_all

    return measured(bus, reader)


def measured(bus: CountingBus, prepare: Callable[[Deliver], Callable[[], None]]) -> Rate:
    """Let it settle, then count what is delivered."""
    counts: Counter[str] = Counter()

    def deliver(found: Sample | Lost | Found) -> None:
        if isinstance(found, Sample):
            counts[found.name] += 1

    step = prepare(deliver)
    end = bus.clock.now() + SETTLE_SECONDS
    while bus.clock.now() < end:
        step()
    counts.clear()
    bus.transfers, began = 0, bus.clock.now()
    while bus.clock.now() < began + SECONDS:
        step()
    seconds = bus.clock.now() - began
    return Rate(
        counts.total() / seconds / (len(bus.chips) * len(CHANNELS)),
        bus.transfers / counts.total(),
        sum(counts[f"68/{channel}"] for channel in CHANNELS) / seconds / len(CHANNELS),
    )
