"""Search for settings that find walks soon enough and trip the least; say how far they may be trusted.

Theory of operation. Each setting alone is varied over some values around its default. From each of the steps that
gain most, all are varied again in turn, over the values near by, until nothing gets better (a coordinate search). Many
values do equally well on few recordings, so a setting that is among the best and not at their edge is left alone, and
one that moves goes to the middle of the best, where recordings that nobody made yet are served best. Left-out
recordings tell how well this generalises: the whole search is done again without each fifth of them, and what it finds
is scored on that fifth. If that is no better than the present settings, which were fitted to none of these recordings,
they should stay.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple, get_type_hints

import msgspec

from picket.config.schema import Input
from picket_gpio_input.replay.scoring import Score, Trials, total
from picket_gpio_input.replay.tunable import changed, fits, number, tunable, values

MARGIN_FACTORS = (1.1, 1.25, 1.5, 2.0, 3.0)
LOST_WALK_COST = 5  # in false trips
SECOND_LATE_COST = 20
STARTS = 3
PASSES = 3
REACH = 2  # values to each side, after the first look at all of them
FOLDS = 5
LEAST_RECORDINGS = 4

Sound = Callable[[Input], bool]


class Margin(NamedTuple):
    """Between which tried values a setting may move alone, and what goes wrong beyond (None: nothing tried)."""

    low: float
    high: float
    below: str | None
    above: str | None


class Folds(NamedTuple):
    """What the search achieved on recordings that it was not shown, and what it chose without them."""

    left_out: Score
    chosen: list[Input]


def order(score: Score, latency_seconds: float) -> tuple[float, ...]:
    """Return what makes a score good, less being better: false trips, in which lost walks and lateness weigh too."""
    late_seconds = max(0.0, (score.latency_seconds or 0.0) - latency_seconds)
    cost = score.false_trips + LOST_WALK_COST * score.lost + SECOND_LATE_COST * round(late_seconds, 1)
    return cost, score.lost, score.false_trips


def search(
    trials: Trials, start: Input, sound: Sound, latency_seconds: float, on: Sequence[int] | None = None
) -> Input:
    """Return settings that do best on the recordings with these numbers (all, by default)."""

    def key(one: Input) -> tuple[float, ...]:
        return order(trials.score(one, on), latency_seconds)

    def vary(one: Input, name: str, reach: int | None = None) -> Input:
        if name not in tunable(one):
            return one
        tried = values(one, name)
        here = tried.index(getattr(one, name)) if getattr(one, name) in tried else 0
        near = tried if reach is None else tried[max(0, here - reach) : here + reach + 1]
        candidates = [other for value in near if sound(other := changed(one, name, value))]
        trials.run(candidates)
        return middle_of_the_best(candidates, [key(other) for other in candidates], one)

    def settle(one: Input) -> Input:
        for _ in range(PASSES):
            before = one
            for name in names:
                one = vary(one, name, REACH)
            if one == before:
                break
        return one

    names = tunable(msgspec.structs.replace(start, pulses=2))
    trials.run(
        one for name in tunable(start) for value in values(start, name) if sound(one := changed(start, name, value))
    )
    names.sort(key=lambda name: key(vary(start, name)))
    return min((settle(vary(start, name)) for name in names[:STARTS]), key=key, default=start)


def middle_of_the_best(candidates: Sequence[Input], keys: Sequence[tuple[float, ...]], present: Input) -> Input:
    """Return the present one if it is among the best and not at their edge, else the middle of the longest stretch."""
    least, last = min(keys, default=()), len(candidates) - 1
    stretches = [list(run) for is_best, run in groupby(range(len(keys)), lambda n: keys[n] == least) if is_best]
    for stretch in stretches:
        if present in [candidates[n] for n in stretch]:
            here = candidates.index(present)
            roomy = (here > stretch[0] or here == 0) and (here < stretch[-1] or here == last)
            if roomy or len(stretch) < 3:
                return present
    longest = max(stretches, key=len, default=[])
    return candidates[longest[(len(longest) - 1) // 2]] if longest else present


def cross_validate(trials: Trials, start: Input, sound: Sound, latency_seconds: float) -> Folds | None:
    """Search again without each fold of the recordings and score on it; None with too few recordings."""
    recordings = trials.recordings
    if len(recordings) < LEAST_RECORDINGS:
        return None
    numbers = sorted(range(len(recordings)), key=lambda n: (not recordings[n].walks, recordings[n].name))
    count = min(FOLDS, len(recordings))
    chosen, outcomes, nobody_seconds = [], [], []
    for fold in (numbers[first::count] for first in range(count)):
        found = search(trials, start, sound, latency_seconds, [n for n in numbers if n not in fold])
        chosen.append(found)
        outcomes += [trials.outcomes(found)[n] for n in fold]
        nobody_seconds += [recordings[n].nobody_seconds for n in fold]
    return Folds(total(outcomes, nobody_seconds), chosen)


def margins(trials: Trials, settings: Input, sound: Sound) -> dict[str, Margin]:
    """Return for each setting how far it may move, the others as they are, before a walk is lost or a trip is false."""
    found = {}
    for name in tunable(settings):
        hint = get_type_hints(type(settings), include_extras=True)[name]
        value = getattr(settings, name)
        if value is None:
            continue
        if number(hint) is int:
            steps = [[value - n for n in (1, 2, 3)], [value + n for n in (1, 2, 3)]]
        else:
            scale = value or 0.05
            down = [float(f"{value / factor:.3g}") for factor in MARGIN_FACTORS] if value else []
            steps = [down, [float(f"{scale * factor:.3g}") for factor in MARGIN_FACTORS]]
        ends: list[tuple[float, str | None]] = []
        tried = [
            [one for v in side if fits(v, hint) and sound(one := msgspec.structs.replace(settings, **{name: v}))]
            for side in steps
        ]
        trials.run(one for side in tried for one in side)
        for side in tried:
            reached, trouble = value, None
            for one in side:
                trouble = harm(trials, settings, one)
                if trouble:
                    break
                reached = getattr(one, name)
            ends.append((reached, trouble))
        (low, below), (high, above) = ends
        found[name] = Margin(low, high, below, above)
    return found


def harm(trials: Trials, settings: Input, other: Input) -> str | None:
    """Say what the other settings do worse, if anything: a walk that is lost or a false trip."""
    lost, tripped = [], []
    for recording, mine, its in zip(trials.recordings, trials.outcomes(settings), trials.outcomes(other), strict=True):
        for (begin, _), ours, theirs in zip(recording.walks, mine.latencies, its.latencies, strict=True):
            if ours is not None and theirs is None:
                lost.append(f"{recording.name} at {begin:.1f} s")
        if len(its.false_trips) > len(mine.false_trips):
            tripped.append(f"{recording.name} at {its.false_trips[0]:.1f} s")
    if lost:
        return f"{len(lost)} walk{'s' * (len(lost) > 1)} lost ({lost[0]})"
    return f"false trips in {len(tripped)} recording{'s' * (len(tripped) > 1)} ({tripped[0]})" if tripped else None


def operating_points(trials: Trials) -> list[tuple[Input, Score]]:
    """Return what was tried and is not beaten in walks found, latency and false trips at once; most walks first."""
    points: list[tuple[Input, Score]] = []
    ranked = sorted(trials.all(), key=lambda p: (p[1].lost, p[1].false_trips, round(p[1].latency_seconds or 0.0, 2)))
    for settings, score in ranked:
        beaten = any(
            other.false_trips <= score.false_trips and _latency(other) <= _latency(score) for _, other in points
        )
        if score.found and not beaten:
            points.append((settings, score))
    return points


def _latency(score: Score) -> float:
    return round(score.latency_seconds or 0.0, 2)
