"""Supervised loops: the volts that each state of a loop reads on an ADC Pi, and the bands between them.

    supply ── pull-up ──┬── loop (end of line, contacts with a resistor across each) ── ground
                        └── the board's own divider, 16.8 kOhm ── ground

type   0 ohm      E        E + A     E + F     E + A + F   cut
seol   `short_is` normal                                   `open_is`    both alarm if not said otherwise
deol   `short_is` normal   alarm                           `open_is`    short; tamper, for the tamper contact opens it
teol   `short_is` normal   alarm     fault     masked      `open_is`    the same; masked is the zone tamper
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from picket.config.schema import Band, Deol, Loop, Seol, Teol
from picket.messages import Zone

LOAD_OHMS = 16_800.0
FULL_SCALE_VOLTS = 5.06  # at a gain of 1; more reads the same
HIGHEST_VOLTS = 5.5  # of a Band: no upper edge
SUPPLY_VOLTS = 5.0


class LoopState(NamedTuple):
    """A state of a loop: its volts, and how far the resistors' tolerance and the cable let them stray."""

    name: str
    zone: Zone
    volts: float
    lowest: float
    highest: float


class ZoneBand(NamedTuple):
    """The volts that mean a state; `volts` is what it reads when all is as it should be."""

    state: str
    zone: Zone
    from_volts: float
    below_volts: float
    volts: float


def bands(loop: Loop) -> list[ZoneBand]:
    """Return the bands of a loop, as given, or by its wiring: then their edges lie midway between neighbours."""
    if loop.wiring is None:
        return [_as_given(zone, band) for zone, band in loop.zones.items()]
    states = loop_states(loop.wiring)
    edges = [(below.highest + above.lowest) / 2 for below, above in pairwise(states)]
    limits = pairwise([-math.inf, *edges, math.inf])
    return [ZoneBand(s.name, s.zone, low, high, s.volts) for s, (low, high) in zip(states, limits, strict=True)]


def loop_states(wiring: Seol | Deol | Teol) -> list[LoopState]:
    """Return the states of a loop in the order of their volts."""
    low, high = 1 - wiring.tolerance_percent / 100, 1 + wiring.tolerance_percent / 100

    def read(ohms: float, pull_up_ohms: float) -> float:
        loaded = LOAD_OHMS if math.isinf(ohms) else ohms * LOAD_OHMS / (ohms + LOAD_OHMS)
        return wiring.supply_volts * loaded / (loaded + pull_up_ohms)

    states = [
        LoopState(
            name,
            zone,
            read(ohms, wiring.pull_up_ohms),
            read(ohms * low, wiring.pull_up_ohms * high),
            read(ohms * high + wiring.cable_ohms, wiring.pull_up_ohms * low),
        )
        for name, zone, ohms in _ohms(wiring)
    ]
    return sorted(states, key=lambda state: state.volts)


def too_close(loop: Loop, bits: int, gain: int) -> Iterator[str]:
    """Yield a text for each two zones of a wiring that can't be told apart by a converter of so many bits."""
    if loop.wiring is None:
        return
    full_scale_volts = FULL_SCALE_VOLTS / gain
    needed = 2 * (loop.hysteresis_volts + full_scale_volts / (1 << bits - 1))
    for below, above in pairwise(loop_states(loop.wiring)):
        margin = min(above.lowest, full_scale_volts) - min(below.highest, full_scale_volts)
        if margin < needed and below.zone != above.zone:
            yield (
                f"{below.name} ({below.volts:.2f} V) and {above.name} ({above.volts:.2f} V) have a margin of"
                f" {margin * 1000:.0f} mV with resistors of {loop.wiring.tolerance_percent:g} % and a cable of"
                f" {loop.wiring.cable_ohms:g} ohm; expected at least {needed * 1000:.0f} mV (twice hysteresis_volts and"
                " a step of the ADC)"
            )


def _ohms(wiring: Seol | Deol | Teol) -> Iterator[tuple[str, Zone, float]]:
    yield "short", wiring.short_is, 0.0
    yield "normal", "normal", wiring.end_of_line_ohms
    if isinstance(wiring, Deol):
        yield "alarm", "alarm", wiring.end_of_line_ohms + wiring.alarm_ohms
    if isinstance(wiring, Teol):
        yield "fault", "fault", wiring.end_of_line_ohms + wiring.fault_ohms
        yield "masked", "tamper", wiring.end_of_line_ohms + wiring.alarm_ohms + wiring.fault_ohms
    yield "open", wiring.open_is, math.inf


def _as_given(zone: Zone, band: Band) -> ZoneBand:
    # A short may read some mV below 0 V, and volts that are scaled by a low supply come out above what an ADC can read.
    low = band.from_volts if band.from_volts > 0 else -math.inf
    high = band.below_volts if band.below_volts < HIGHEST_VOLTS else math.inf
    middle = (band.from_volts + max(band.from_volts, min(band.below_volts, SUPPLY_VOLTS))) / 2
    return ZoneBand(zone, zone, low, high, middle)
