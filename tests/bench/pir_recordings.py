"""Recorded PIR signals, which are not part of the repository: as a 60 Hz sampler would have seen them."""

import os
from pathlib import Path
from typing import NamedTuple

from picket_gpio_input.replay.trace_file import read_traces

HERTZ = 60.0
VARIABLE = "PICKET_PIR_DATA"

Series = list[tuple[float, float]]
Span = tuple[float, float]


class Recording(NamedTuple):
    """Samples at 60 Hz, and when a person was in view, if anybody was."""

    name: str
    series: Series
    walk: Span | None = None

    @property
    def seconds(self) -> float:
        """Return how long it is."""
        return self.series[-1][0] - self.series[0][0]


class Recordings(NamedTuple):
    """What there is to judge by."""

    walks: list[Recording]
    empties: list[Recording]
    nobody: list[Recording]
    somebody: list[Recording]


def folder() -> Path | None:
    """Return where the recordings are, or None."""
    beside = Path(__file__).parents[2].parent / "shared" / "data" / "pir"
    found = Path(os.environ.get(VARIABLE, beside))
    return found if (found / "walks_samples.csv.gz").is_file() else None


def read(found: Path) -> Recordings:
    """Read all recordings of the folder."""
    recordings = Recordings([], [], [], [])
    for trace in read_traces([str(found / "walks_samples.csv.gz"), str(found / "background_samples.csv.gz")]):
        samples = list(trace.samples)
        labelled = [sample.t_s for sample in samples if sample.label]
        series = at_60_hertz([(sample.t_s, sample.volts) for sample in samples])
        if trace.labels == "human":
            walk = (labelled[0], labelled[-1]) if labelled else None
            recording = Recording(trace.recording or "", series, walk)
            (recordings.walks if walk else recordings.empties).append(recording)
        else:
            (recordings.somebody if labelled else recordings.nobody).append(Recording(trace.recording or "", series))
    return recordings


def at_60_hertz(samples: Series) -> Series:
    """Return the value that was the last one at each sixtieth of a second; a gap repeats what was before it."""
    series, index, begin = [], 0, samples[0][0]
    for n in range(int((samples[-1][0] - begin) * HERTZ) + 1):
        now = begin + n / HERTZ
        while index + 1 < len(samples) and samples[index + 1][0] <= now:
            index += 1
        series.append((now, samples[index][1]))
    return series
