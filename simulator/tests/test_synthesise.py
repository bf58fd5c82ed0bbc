import csv
from itertools import pairwise
from pathlib import Path

import pytest

import picket_simulator
from picket_simulator.synthesise import REST_VOLTS, Trace, walk

SEEDS = range(30)


def off_rest(trace: Trace) -> list[float]:
    return [volts - REST_VOLTS for _, volts in trace]


def test_the_stored_walk_is_what_the_function_makes() -> None:
    stored = Path(picket_simulator.__file__).with_name("traces") / "walk.csv"

    with stored.open(newline="") as file:
        rows = [(float(row["t_s"]), float(row["volts"])) for row in csv.DictReader(file)]

    assert rows == walk(seed=1)


def test_the_same_seed_makes_the_same_walk_and_another_seed_another() -> None:
    assert walk(1) == walk(1)
    assert walk(1) != walk(2)


@pytest.mark.parametrize("seed", SEEDS)
def test_samples_are_ten_milliseconds_apart(seed: int) -> None:
    times = [seconds for seconds, _ in walk(seed)]

    assert times[0] == 0
    assert all(after - before == pytest.approx(0.01) for before, after in pairwise(times))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk_swings_to_both_sides_like_recorded_ones(seed: int) -> None:
    signal = off_rest(walk(seed))

    assert 1.1 < max(map(abs, signal)) < 2.3
    assert max(signal) > 0.5
    assert min(signal) < -0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_a_walk_begins_and_ends_in_a_second_of_quiet(seed: int) -> None:
    signal = off_rest(walk(seed))

    assert max(map(abs, signal[:100] + signal[-99:])) < 0.05
    assert 4 <= len(signal) / 100 <= 7
