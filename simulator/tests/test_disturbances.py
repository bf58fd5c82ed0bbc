from itertools import pairwise

import pytest

from picket_simulator.disturbances import KINDS, compose

SEEDS = range(20)
SECONDS = 120.0


def runs(added: list[float]) -> list[list[float]]:
    """Return the stretches of an addition that are not zero."""
    stretches: list[list[float]] = []
    for before, volts in pairwise([0.0, *added]):
        if volts:
            if not before:
                stretches.append([])
            stretches[-1].append(volts)
    return stretches


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_one_disturbance_and_another_seed_another(kind: str) -> None:
    first, again, other = (KINDS[kind](seed, SECONDS, 100) for seed in (1, 1, 2))

    assert first == again != other


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("samples_per_second", [1.0, 7.7, 59.5, 100.0])
def test_there_is_a_sample_for_each_moment_and_something_in_them(kind: str, samples_per_second: float) -> None:
    added = KINDS[kind](3, SECONDS, samples_per_second)

    assert len(added) == round(SECONDS * samples_per_second)
    assert any(added)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"cable_noise"}))
def test_a_seed_is_the_same_events_at_every_rate(kind: str) -> None:
    fast, slow = KINDS[kind](5, SECONDS, 1000), KINDS[kind](5, SECONDS, 100)

    same = sum(abs(a - b) < 1e-9 for a, b in zip(fast[::10], slow, strict=True))

    assert same > 0.95 * len(slow)  # what is shorter than a sample lasts one


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("kind", "lowest", "highest"),
    [
        ("rf_bursts", -2.0, 2.0),
        ("supply_dips", -1.2, 0.0),
        ("hvac_ramps", -0.64, 0.64),
        ("warm_up_pulses", -2.0, 2.0),
        ("chattering_contact", 0.0, 3.3),
        ("cable_noise", -0.25, 0.25),
        ("slow_drift", -0.5, 0.5),
        ("pet_swings", -0.35, 0.35),
    ],
)
def test_magnitudes_stay_what_the_kind_says(kind: str, lowest: float, highest: float, seed: int) -> None:
    added = KINDS[kind](seed, SECONDS, 100)

    assert lowest <= min(added) <= max(added) <= highest


@pytest.mark.parametrize("seed", SEEDS)
def test_rf_bursts_are_short_at_a_thousand_samples_a_second(seed: int) -> None:
    bursts = runs(KINDS["rf_bursts"](seed, SECONDS, 1000))

    assert max(map(len, bursts)) <= 51
    assert all(abs(volts) >= 0.3 for burst in bursts for volts in burst)


@pytest.mark.parametrize("seed", SEEDS)
def test_warm_up_pulses_begin_at_once_and_are_over_in_a_minute(seed: int) -> None:
    added = KINDS["warm_up_pulses"](seed, SECONDS, 100)

    assert max(map(abs, added[:1000])) > 0.3
    assert not any(added[6400:])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_contact_chatters_for_at_most_three_seconds_at_a_time(seed: int) -> None:
    added = KINDS["chattering_contact"](seed, SECONDS, 1000)
    closed = [index for index, volts in enumerate(added) if volts]

    episodes = [[closed[0]]]
    for before, index in pairwise(closed):
        if index - before > 500:
            episodes.append([])
        episodes[-1].append(index)

    assert all(episode[-1] - episode[0] <= 3000 for episode in episodes)
    assert set(added) <= {0.0, 1.4, 3.3}


def test_disturbances_are_added_within_the_supply_and_end_with_the_background() -> None:
    background = [(0.0, 2.5), (0.1, 2.5), (0.2, 2.5)]

    assert compose(background, [1.0, 3.0], [0.5, 0.5, -9.0, 7.0]) == [(0.0, 4.0), (0.1, 5.0), (0.2, 0.0)]
    assert compose(background) == background
