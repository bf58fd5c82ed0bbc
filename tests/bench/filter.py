"""How well motion is told from what is none: our filter and simple rules, on recordings and on made-up disturbances.

All rules see the same samples at 60 Hz, one recording at a time, cold from its first sample, and hold for 2 s. A walk
is found when there is motion at some time from the label's begin to half a second after its end; the latency is zero
when motion began before. A trip is motion that begins where nobody is.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import msgspec

from picket.config.schema import AnalogPir
from picket_gpio_input.filter.detector import Detector
from picket_simulator.disturbances import KINDS, compose
from tests.bench import full_rate
from tests.bench.figures import Figure, progress
from tests.bench.pir_recordings import HERTZ, VARIABLE, Recording, Recordings, Series, Span, folder, read
from tests.bench.rules import SIMPLE_RULES, Ours, Rule, ours

DEFAULTS = AnalogPir(channel=1)
OURS = "ours, defaults"
LATE_SECONDS = 0.5
WINDOW_SECONDS = 10.0
SEEDS = range(1, 11)
DISTURBED_SECONDS = 120.0
REST_VOLTS, NOISE_VOLTS = 2.5, 0.004
CHANNELS, SAMPLES_PER_SECOND = 32, 57.9
FOLDS = 5
LATENCY_TARGET_SECONDS = 1.0
SWINGS = (0.05, 0.06, 0.07, 0.08, 0.09, 0.1, 0.12, 0.14, 0.17, 0.2)
FLOORS = (0.15, 0.2, 0.25)  # off_below_volts; on_above_volts is twice that

Make = Callable[[list[float]], Rule]


class Outcome(NamedTuple):
    """What a rule made of a recording with a walk in it, or without: the latency, and when it tripped."""

    latency: float | None
    trips: tuple[float, ...]


def run() -> Iterator[Figure]:
    """Judge every rule; without the recordings, by the disturbances only."""
    rules: dict[str, Make] = {**SIMPLE_RULES, OURS: ours(DEFAULTS)}
    found = folder()
    recordings = read(found) if found else None
    if recordings:
        yield from by_recordings(rules, recordings)
        yield from frontier_and_folds(recordings)
    else:
        progress(f"filter: no recordings ({VARIABLE} names no folder with them): by made-up disturbances only")
    yield from by_disturbances(rules, recordings)
    yield from cost(recordings)
    yield from full_rate.run()


def by_recordings(rules: dict[str, Make], recordings: Recordings) -> Iterator[Figure]:
    """Judge by what was recorded; ours against the simple rule that finds as many walks with the fewest trips."""
    walks = len(recordings.walks)
    hours = sum(recording.seconds for recording in recordings.nobody) / 3600
    windows = sum(int(recording.seconds // WINDOW_SECONDS) for recording in recordings.somebody)
    latencies = {name: [judged(make, one).latency for one in recordings.walks] for name, make in rules.items()}
    missed = {name: found.count(None) for name, found in latencies.items()}
    trips = {name: sum(len(judged(make, one).trips) for one in recordings.nobody) for name, make in rules.items()}
    peers = [name for name in SIMPLE_RULES if missed[name] <= missed[OURS]]
    peer = min(peers, key=lambda name: (trips[name], p50(latencies[name])), default=None)
    for name, make in rules.items():
        empty_trips = sum(len(judged(make, one).trips) for one in recordings.empties)
        seen = sum(windows_with_motion(make, one) for one in recordings.somebody)
        against = peer if name == OURS else None
        ratio = trips[name] / trips[peer] if against and peer and trips[peer] else None
        yield Figure(case=name, metric="walks_found", value=walks - missed[name], unit=f"of {walks}")
        yield Figure(case=name, metric="latency_p50", value=p50(latencies[name]), unit="s")
        yield Figure(case=name, metric="empty_room_trips", value=empty_trips, unit="1")
        yield Figure(case=name, metric="nobody_trips", value=trips[name], unit="1", against=against, ratio=ratio)
        # Nothing in a time: with 95 % confidence the rate is below 3 in that time.
        rate, below = (trips[name], "") if trips[name] else (3, "_below")
        yield Figure(case=name, metric=f"nobody_trips_per_hour{below}", value=rate / hours, unit="1/h")
        yield Figure(case=name, metric="windows_with_motion", value=seen, unit=f"of {windows} with somebody about")


def frontier_and_folds(recordings: Recordings) -> Iterator[Figure]:
    """Show what other settings would do; and what those chosen without a fifth of the recordings do on that fifth.

    Recordings are dealt out to five folds by turns within their kind; background without anybody is cut into five
    stretches, for there is little of it. On four folds that setting is chosen which loses no walk and never trips
    and is soon enough, and of several the one in their middle; it is judged on the fifth.
    """
    tried = [
        msgspec.structs.replace(DEFAULTS, on_above_volts=2 * floor, off_below_volts=floor, swing_volt_seconds=swing)
        for floor, swing in product(FLOORS, SWINGS)
    ]
    walks, quiet = recordings.walks, recordings.empties
    found = {one: [judged(ours(one), recording).latency for recording in walks] for one in tried}
    empty = {one: [len(judged(ours(one), recording).trips) for recording in quiet] for one in tried}
    nobody = {
        one: [
            int((at - recording.series[0][0]) / recording.seconds * FOLDS)
            for recording in recordings.nobody
            for at in judged(ours(one), recording).trips
        ]
        for one in tried
    }

    def score(one: AnalogPir, folds: Sequence[int]) -> tuple[int, int, float]:
        latencies = [latency for n, latency in enumerate(found[one]) if n % FOLDS in folds]
        trips = sum(trips for n, trips in enumerate(empty[one]) if n % FOLDS in folds)
        trips += sum(stretch in folds for stretch in nobody[one])
        return latencies.count(None), trips, p50(latencies)

    for one in tried:
        if one.off_below_volts == DEFAULTS.off_below_volts:
            missed, trips, latency = score(one, range(FOLDS))
            case = f"ours, swing_volt_seconds {one.swing_volt_seconds:g}"
            yield Figure(case=case, metric="walks_found", value=len(walks) - missed, unit=f"of {len(walks)}")
            yield Figure(case=case, metric="latency_p50", value=latency, unit="s")
            yield Figure(case=case, metric="trips", value=trips, unit="1")
    for name in ("defaults", "tuned on the other folds"):
        latencies: list[float] = []
        missed = trips = 0
        for left_out in range(FOLDS):
            chosen = DEFAULTS
            if name != "defaults":
                others = [n for n in range(FOLDS) if n != left_out]
                chosen = middle(tried, {one: score(one, others) for one in tried})
                progress(f"fold {left_out + 1}: {chosen.off_below_volts:g} V, {chosen.swing_volt_seconds:g} V s")
            lost, tripped, latency = score(chosen, [left_out])
            missed, trips, latencies = missed + lost, trips + tripped, [*latencies, latency]
        case = f"left-out folds, {name}"
        yield Figure(case=case, metric="walks_found", value=len(walks) - missed, unit=f"of {len(walks)}")
        yield Figure(case=case, metric="trips", value=trips, unit="1")
        yield Figure(case=case, metric="latency_p50_mean", value=statistics.mean(latencies), unit="s")
        yield Figure(case=case, metric="latency_p50_worst", value=max(latencies), unit="s")


def middle(tried: list[AnalogPir], scores: dict[AnalogPir, tuple[int, int, float]]) -> AnalogPir:
    """Return the one in the middle of those that do best: nothing lost, no trips, and soon enough."""
    keys = {one: (lost, trips, latency > LATENCY_TARGET_SECONDS) for one, (lost, trips, latency) in scores.items()}
    best = [one for one in tried if keys[one] == min(keys.values())]
    best.sort(key=lambda one: scores[one][2])
    return best[len(best) // 2]


def by_disturbances(rules: dict[str, Make], recordings: Recordings | None) -> Iterator[Figure]:
    """Count trips by each kind of disturbance alone: on a quiet background, and on the recordings of empty rooms."""
    for kind, disturb in KINDS.items():
        quiet = [compose(background(seed), disturb(seed, DISTURBED_SECONDS, HERTZ)) for seed in SEEDS]
        minutes = len(quiet) * DISTURBED_SECONDS / 60
        for name, make in rules.items():
            trips = sum(len(trips_of(make, series)) for series in quiet)
            yield Figure(case=name, metric=f"{kind}_trips", value=trips, unit=f"in {minutes:g} min")
        if recordings:
            empties = [
                compose(one.series, disturb(seed, one.seconds + 1, HERTZ))
                for seed, one in enumerate(recordings.empties)
            ]
            trips = sum(len(trips_of(ours(DEFAULTS), series)) for series in empties)
            unit = f"in {len(empties)} empty rooms"
            yield Figure(case=OURS, metric=f"{kind}_trips_in_empty_rooms", value=trips, unit=unit)
        if kind == "warm_up_pulses":
            trips = sum(len(trips_of(lambda _volts: Ours(DEFAULTS, warm=False), series)) for series in quiet)
            case = f"{OURS}, from power-up"
            yield Figure(case=case, metric=f"{kind}_trips", value=trips, unit=f"in {minutes:g} min")


def cost(recordings: Recordings | None) -> Iterator[Figure]:
    """Measure what a sample costs: with the walks, where there is most to do, or else with a quiet signal."""
    series = [volts for one in recordings.walks for _, volts in one.series] if recordings else []
    case = "all walks in a row" if series else "a quiet signal"
    series = series or [volts for _, volts in background(1)]
    detector = Detector(DEFAULTS, warm=True)
    begin = time.perf_counter()
    for n, volts in enumerate(series):
        detector.update(volts, n / HERTZ)
    seconds = (time.perf_counter() - begin) / len(series)
    share = seconds * CHANNELS * SAMPLES_PER_SECOND * 100
    yield Figure(case=case, metric="update", value=seconds * 1e6, unit="us/sample")
    yield Figure(
        case=f"{case}, {CHANNELS} x {SAMPLES_PER_SECOND}/s", metric="filter_cpu", value=share, unit="% of a core"
    )


def background(seed: int) -> Series:
    """Return a sensor at rest."""
    dice = random.Random(seed)
    count = round(DISTURBED_SECONDS * HERTZ)
    return [(n / HERTZ, REST_VOLTS + dice.gauss(0, NOISE_VOLTS)) for n in range(count)]


def motions(make: Make, series: Series) -> Iterator[Span]:
    """Yield when a rule saw motion."""
    rule = make([volts for _, volts in series])
    since: float | None = None
    for now, volts in series:
        moving = rule.moving(volts, now)
        if moving and since is None:
            since = now
        elif not moving and since is not None:
            yield since, now
            since = None
    if since is not None:
        yield since, series[-1][0]


def trips_of(make: Make, series: Series) -> list[float]:
    """Return when motion began."""
    return [begin for begin, _ in motions(make, series)]


def judged(make: Make, recording: Recording) -> Outcome:
    """Return what a rule made of a recording."""
    seen = list(motions(make, recording.series))
    if recording.walk is None:
        return Outcome(None, tuple(begin for begin, _ in seen))
    start, end = recording.walk
    return Outcome(
        min(
            (max(0.0, begin - start) for begin, until in seen if begin <= end + LATE_SECONDS and until >= start),
            default=None,
        ),
        (),
    )


def windows_with_motion(make: Make, recording: Recording) -> int:
    """Return in how many stretches of ten seconds there was motion."""
    whole = int(recording.seconds // WINDOW_SECONDS)
    first = recording.series[0][0]
    return len(
        {
            n
            for begin, end in motions(make, recording.series)
            for n in range(int((begin - first) // WINDOW_SECONDS), int((end - first) // WINDOW_SECONDS) + 1)
            if n < whole
        }
    )


def p50(latencies: Sequence[float | None]) -> float:
    """Return the median of those found."""
    found = [latency for latency in latencies if latency is not None]
    return statistics.median(found) if found else float("nan")
