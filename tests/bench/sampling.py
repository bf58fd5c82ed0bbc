"""How fast inputs are sampled: the real driver and sampler on simulated chips, in virtual time.

Two peers: what the wire and the chips allow, and the vendor's way, one channel after another.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import NamedTuple

from picket_gpio_input.mcp3424 import RATE_BITS, TYPICAL_SECONDS, Mcp3424
from picket_gpio_input.sampler import Found, Lost, Sample, Sampler, Scan
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp3424 as chip
from tests.bench.figures import Figure

BITS = 12
CHANNELS = (1, 2, 3, 4)
SECONDS = 10.0
# S, address and R/W with ACK, then 9 bits a byte, P: a configuration byte, and a read of three.
WRITE_BITS, READ_BITS = 1 + 9 + 9 + 1, 1 + 9 + 3 * 9 + 1
# A conversion begins with the configuration's ACK, and may end as late as the read's address is acknowledged.
MEANWHILE_BITS = 1 + (1 + 9)
CONTINUOUS, NOT_READY = 0x10, 0x80
NAP_SECONDS = 10e-6

LIMIT = "reachable limit, bus time included"
VENDOR = "sequential loop (vendor's manner)"


class CountingBus(Bus):
    """A bus that knows how many transfers it carried."""

    transfers = 0

    def transfer(self, messages: Iterable[tuple[int, int, bytes | int]]) -> bytes:
        """Carry the messages, and count."""
        self.transfers += 1
        return super().transfer(messages)


class Rate(NamedTuple):
    """What came of a run."""

    samples_per_second_per_channel: float
    transfers_per_sample: float


def run() -> Iterator[Figure]:
    """Measure one and two boards of two chips, both bus speeds, without and with the host's own time a transfer."""
    for boards, hertz, overhead_us in product((1, 2), (100_000, 400_000), (0, 150)):
        case = f"{boards} board{'s' * (boards > 1)}, {hertz // 1000} kHz, {overhead_us} us"
        addresses = range(0x68, 0x68 + 2 * boards)
        ours = sampled(bus_of(addresses, hertz, overhead_us), addresses)
        vendor = one_after_another(bus_of(addresses, hertz, overhead_us), addresses)
        reachable = limit(hertz)
        rate, vendor_rate = ours.samples_per_second_per_channel, vendor.samples_per_second_per_channel
        metric, unit = "samples_per_second_per_channel", "1/s"
        yield Figure(case=case, metric=metric, value=rate, unit=unit, against=LIMIT, ratio=rate / reachable)
        yield Figure(case=case, metric=metric, value=rate, unit=unit, against=VENDOR, ratio=rate / vendor_rate)
        yield Figure(
            case=case,
            metric="transfers_per_sample",
            value=ours.transfers_per_sample,
            unit="1",
            against=VENDOR,
            ratio=ours.transfers_per_sample / vendor.transfers_per_sample,
        )


def bus_of(addresses: range, hertz: int, overhead_us: int) -> CountingBus:
    """Return a bus of typical chips with a virtual clock."""
    chips = {address: chip.Mcp3424(lambda channel, _now: channel / 4) for address in addresses}
    return CountingBus(chips, VirtualClock(), hertz, overhead_us * 1e-6)


def limit(hertz: int) -> float:
    """Return what a channel of a chip gets at best: a start, a conversion and a read, four channels in turn."""
    alone = WRITE_BITS + READ_BITS - MEANWHILE_BITS
    return 1 / (TYPICAL_SECONDS[BITS] + alone / hertz) / len(CHANNELS)


def sampled(bus: CountingBus, addresses: range) -> Rate:
    """Run the product's own sampler over all channels."""
    count = 0

    def deliver(found: Sample | Lost | Found) -> None:
        nonlocal count
        count += isinstance(found, Sample)

    names = {channel: f"input {channel}" for channel in CHANNELS}
    scans = [Scan(Mcp3424(bus, address, BITS), names) for address in addresses]
    sampler = Sampler(scans, deliver, bus.clock.now, bus.clock.sleep)
    while bus.clock.now() < SECONDS:
        sampler.step()
    return rate_of(bus, count, addresses)


def one_after_another(bus: CountingBus, addresses: range) -> Rate:
    """Read each channel as the vendor's library does: its mode is continuous, and each poll writes the configuration.

    A new configuration starts a conversion; the same one again is left alone by the chip. So the first poll selects
    the channel, and the bus is busy until the result is there; only then comes the next channel, of whatever chip.
    """
    count = 0
    while bus.clock.now() < SECONDS:
        for address, channel in product(addresses, CHANNELS):
            config = NOT_READY | (channel - 1) << 5 | CONTINUOUS | RATE_BITS[BITS] << 2
            while bus.read_i2c_block_data(address, config, 4)[2] & NOT_READY:
                bus.clock.sleep(NAP_SECONDS)
            count += 1
    return rate_of(bus, count, addresses)


def rate_of(bus: CountingBus, count: int, addresses: range) -> Rate:
    """Return the rate of so many samples on so many chips until now."""
    return Rate(count / bus.clock.now() / (len(addresses) * len(CHANNELS)), bus.transfers / count)
