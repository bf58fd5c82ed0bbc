"""Real recordings, which are not part of the repository: every walk is found soon, and nobody trips the defaults."""

import math
import os
from pathlib import Path
from statistics import median

import pytest

from picket.config.schema import AnalogPir
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.replay.playback import replay
from picket_gpio_input.replay.trace_file import Sample, read_traces

BESIDE = Path(__file__).parents[3].parent / "shared" / "data" / "pir"
FOLDER = Path(os.environ.get("PICKET_PIR_DATA", BESIDE))

pytestmark = pytest.mark.skipif(
    not (FOLDER / "walks_samples.csv.gz").is_file(),
    reason="no recorded PIR signals here (PICKET_PIR_DATA): the filter is UNTESTED on them",
)


def motions(samples: list[Sample]) -> list[tuple[float, float]]:
    """Return from when to when the defaults see motion."""
    seen: list[tuple[float, float]] = []
    for t_s, (zone, verdict) in replay(Detector(AnalogPir(channel=1), warm=True), samples):
        if zone == "alarm" and verdict.type == "new":
            seen.append((t_s, math.inf))
        elif zone == "alarm" and verdict.type == "end":
            seen[-1] = (seen[-1][0], t_s)
    return seen


def recordings(file: str, *, walked: bool) -> list[list[Sample]]:
    """Return the recordings with somebody in view, or those without."""
    found = [list(trace.samples) for trace in read_traces([str(FOLDER / file)])]
    return [samples for samples in found if any(sample.label for sample in samples) == walked]


def test_every_walk_is_found_and_half_of_them_within_a_second() -> None:
    latencies = []
    for samples in recordings("walks_samples.csv.gz", walked=True):
        view = [sample.t_s for sample in samples if sample.label]
        seen = [begin for begin, end in motions(samples) if begin <= view[-1] + 0.5 and end >= view[0]]
        latencies.append(max(0.0, min(seen, default=math.inf) - view[0]))

    assert max(latencies) < math.inf
    assert median(latencies) <= 1.0


@pytest.mark.parametrize("file", ["walks_samples.csv.gz", "background_samples.csv.gz"])
def test_nobody_trips_it(file: str) -> None:
    assert [seen for samples in recordings(file, walked=False) if (seen := motions(samples))] == []
