"""How often each input of a bus is sampled at the least, by its chip's datasheet and by what shares the bus with it.

A chip's round is the conversions of its channels, whatever their gain. AB Electronics' driver reads the chips of a bus
in turn and waits within each read, so all others wait as well. Where the bus itself is full, all have less.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from picket_gpio_input.sampling.adcpi import Channel
from picket_gpio_input.sampling.mcp3424 import SLOWEST, TYPICAL_SECONDS

SAMPLE_SECONDS = 0.001  # of the bus: a start and a read at 100 kHz, and the software's share


class Round(NamedTuple):
    """The channels of one chip; `blocks` if its driver waits within each read."""

    channels: Sequence[Channel]
    blocks: bool


def least_per_second(rounds: Iterable[Round]) -> dict[str, float]:
    """Return the samples per second that the slowest good chips give, of each input on one bus."""
    chips = list(rounds)
    blocked = sum(max(map(_seconds, chip.channels)) for chip in chips if chip.blocks)
    lasting = [
        len(chip.channels) * blocked + (0.0 if chip.blocks else sum(map(_seconds, chip.channels))) for chip in chips
    ]
    load = sum(len(chip.channels) * SAMPLE_SECONDS / seconds for chip, seconds in zip(chips, lasting, strict=True))
    return {
        channel.name: 1 / (seconds * max(1.0, load))
        for chip, seconds in zip(chips, lasting, strict=True)
        for channel in chip.channels
    }


def _seconds(channel: Channel) -> float:
    return SLOWEST * TYPICAL_SECONDS[channel.bits] + SAMPLE_SECONDS
