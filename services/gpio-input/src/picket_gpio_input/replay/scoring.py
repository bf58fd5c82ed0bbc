"""How well settings do on labelled recordings: walks found, how soon, and trips with nobody there."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from types import TracebackType
from typing import NamedTuple

import msgspec

from picket.config.schema import Input
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.replay.playback import GAP_SECONDS, replay
from picket_gpio_input.replay.trace_file import Sample

Span = tuple[float, float]

# A sensor may see a person a little before whoever labelled the recording did; that is no false trip, and no latency.
EARLY_SECONDS = 1.0
LATE_SECONDS = 1.0  # a trip so soon after a walk is neither its detection nor false
ONE_WALK_SECONDS = 2.0  # labels that lapse for less are of one walk


class Recording(NamedTuple):
    """Samples, and when a person was in view; at all other times nobody was."""

    name: str
    samples: list[Sample]
    walks: list[Span]

    @property
    def nobody_seconds(self) -> float:
        """Return for how long a trip would have been false."""
        steps = zip(self.samples, self.samples[1:], strict=False)
        return sum(min(b.t_s - a.t_s, GAP_SECONDS) for a, b in steps if b.t_s > a.t_s and not self.near_walk(b.t_s))

    def near_walk(self, t_s: float) -> bool:
        """Tell whether a trip at this time is none with nobody there."""
        return any(begin - EARLY_SECONDS <= t_s <= end + LATE_SECONDS for begin, end in self.walks)


class Outcome(NamedTuple):
    """What settings made of a recording: the latency of each walk (None: not found), and when it tripped falsely."""

    latencies: tuple[float | None, ...]
    false_trips: tuple[float, ...]


class Score(NamedTuple):
    """What settings made of some recordings."""

    walks: int
    found: int
    latency_seconds: float | None  # the median
    false_trips: int
    nobody_hours: float

    @property
    def lost(self) -> int:
        """Return how many walks were not found."""
        return self.walks - self.found

    @property
    def false_trips_per_hour(self) -> float | None:
        """Return the rate, or None where it can't be told."""
        return self.false_trips / self.nobody_hours if self.nobody_hours else None

    @property
    def false_trips_per_hour_below(self) -> float | None:
        """Return what the rate is below with 95 % confidence when there was no trip: 3 in the time (rule of three)."""
        return 3 / self.nobody_hours if self.nobody_hours and not self.false_trips else None


def walks_of(samples: Iterable[Sample]) -> list[Span]:
    """Return the times that are labelled, short lapses bridged."""
    walks: list[Span] = []
    for t_s, _, label in samples:
        if not label:
            continue
        if walks and t_s - walks[-1][1] <= ONE_WALK_SECONDS:
            walks[-1] = (walks[-1][0], t_s)
        else:
            walks.append((t_s, t_s))
    return walks


def outcome(settings: Input, recording: Recording) -> Outcome:
    """Replay a recording; a walk is found by a motion that is new during it, or that goes on from the walk before."""
    motions: list[list[float]] = []
    for _, (zone, verdict) in replay(Detector(settings, warm=True), recording.samples):
        if zone == "alarm" and verdict.type == "new":
            motions.append([verdict.at, verdict.at])
        elif zone == "alarm" and verdict.type == "end":
            motions[-1][1] = verdict.at
    true = [(at, end) for at, end in motions if recording.near_walk(at)]
    latencies = []
    for begin, end in recording.walks:
        seen = [max(0.0, at - begin) for at, until in true if at <= end and until >= begin]
        latencies.append(min(seen) if seen else None)
    return Outcome(tuple(latencies), tuple(at for at, _ in motions if not recording.near_walk(at)))


def total(outcomes: Sequence[Outcome], nobody_seconds: Sequence[float]) -> Score:
    """Sum up the outcomes of some recordings."""
    latencies = [latency for one in outcomes for latency in one.latencies]
    found = [latency for latency in latencies if latency is not None]
    return Score(
        walks=len(latencies),
        found=len(found),
        latency_seconds=median(found) if found else None,
        false_trips=sum(len(one.false_trips) for one in outcomes),
        nobody_hours=sum(nobody_seconds) / 3600,
    )


class Trials:
    """The outcomes of settings on all recordings: each worked out once, on all processors."""

    def __init__(self, recordings: Sequence[Recording]) -> None:
        """Begin with none tried."""
        self.recordings = recordings
        self._nobody_seconds = [recording.nobody_seconds for recording in recordings]
        self._tried: dict[bytes, tuple[Input, list[Outcome]]] = {}
        self._pool = ProcessPoolExecutor(processors(), initializer=_remember, initargs=(recordings,))

    def __enter__(self) -> "Trials":
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the processes."""
        self._pool.shutdown(cancel_futures=True)

    def __len__(self) -> int:
        """Return how many were tried."""
        return len(self._tried)

    def run(self, candidates: Iterable[Input]) -> None:
        """Try those that were not yet."""
        new = {key: one for one in candidates if (key := msgspec.json.encode(one)) not in self._tried}
        count = processors()
        shares = {key: [self._pool.submit(_outcomes, one, n, count) for n in range(count)] for key, one in new.items()}
        for key, one in new.items():
            found = [share.result() for share in shares[key]]
            self._tried[key] = one, [found[n % count][n // count] for n in range(len(self.recordings))]

    def outcomes(self, settings: Input) -> list[Outcome]:
        """Return an outcome for each recording."""
        self.run([settings])
        return self._tried[msgspec.json.encode(settings)][1]

    def score(self, settings: Input, on: Sequence[int] | None = None) -> Score:
        """Return the score on all recordings, or on those with these numbers."""
        numbers = range(len(self.recordings)) if on is None else on
        outcomes = self.outcomes(settings)
        return total([outcomes[n] for n in numbers], [self._nobody_seconds[n] for n in numbers])

    def all(self) -> Iterator[tuple[Input, Score]]:
        """Yield everything that was tried, in order, with its score."""
        for settings, _ in list(self._tried.values()):
            yield settings, self.score(settings)


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


_recordings: Sequence[Recording] = ()


def _remember(recordings: Sequence[Recording]) -> None:
    global _recordings
    _recordings = recordings


def _outcomes(settings: Input, first: int, step: int) -> list[Outcome]:
    return [outcome(settings, recording) for recording in _recordings[first::step]]
