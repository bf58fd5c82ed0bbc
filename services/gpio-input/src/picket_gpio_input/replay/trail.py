"""What a filter sees in a trace: its rest and thresholds, its pulses, its findings.

The rest and the pulses are those of the input's own signal, which runs beside the detector on the same samples.
"""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from picket.config.schema import Input, Loop
from picket.config.wiring import bands
from picket_gpio_input.filter.detector import Detector, Finding
from picket_gpio_input.filter.signals import signal_for
from picket_gpio_input.replay.playback import replay
from picket_gpio_input.replay.trace_file import Sample


class Panel(NamedTuple):
    """A trace to draw, and the settings that judge it."""

    title: str
    samples: Sequence[Sample]
    settings: Input
    warm: bool = True


class Line(NamedTuple):
    """A line of volts to compare the trace with; `note` stands on it."""

    name: str
    kind: str
    points: list[tuple[float, float]]
    note: str = ""


class Pulse(NamedTuple):
    """A time of activity; an analog PIR's is a swing, which is believed or not, and `text` says why."""

    begin: float
    end: float
    believed: bool
    text: str


class Trail(NamedTuple):
    """What a filter saw: the lines it compares with, the signal's pulses, and its findings."""

    lines: list[Line]
    pulses: list[Pulse]
    findings: list[Finding]


def trail(panel: Panel) -> Trail:
    """Run the filter over a panel's samples and note what it saw."""
    settings = panel.settings
    signal = signal_for(settings)
    rest: list[tuple[float, float]] = []
    pulses: list[Pulse] = []
    before = None
    for t_s, volts, _ in panel.samples:
        if not math.isfinite(volts):
            continue
        meaning = signal.update(volts, t_s)
        swing = meaning.swing
        if meaning.active:
            goes_on = before is not None and before.active and before.swing is swing
            begin = pulses.pop().begin if goes_on else t_s
            pulses.append(Pulse(begin, t_s, swing is None or swing.believed, str(swing) if swing else "active"))
        before = meaning
        rest.append((t_s, getattr(signal, "baseline", 0.0)))
    findings = [finding for _, finding in replay(Detector(settings, warm=panel.warm), panel.samples)]
    return Trail(list(_lines(settings, rest, swings=hasattr(signal, "baseline"))), pulses, findings)


def _lines(settings: Input, rest: list[tuple[float, float]], *, swings: bool) -> Iterator[Line]:
    if isinstance(settings, Loop):
        for band in bands(settings):
            if math.isfinite(band.from_volts):
                at = [(t_s, band.from_volts) for t_s, _ in rest]
                yield Line("edge of a zone", "on", at, f"{band.state} from {band.from_volts:.2f} V")
        return
    if swings:
        yield Line("rest", "rest", rest)
    for key, kind in (("on_above_volts", "on"), ("off_below_volts", "off")):
        volts = getattr(settings, key)
        for sign in (1, -1) if swings else (1,):
            yield Line(f"{key} {volts:g} V", kind, [(t_s, at + sign * volts) for t_s, at in rest])
