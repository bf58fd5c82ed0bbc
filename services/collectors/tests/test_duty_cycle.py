"""The duty of a dust sensor: when it sleeps, what it makes of its readings, and what it does while the air is bad."""

from typing import Any

import pytest

from picket_collectors.duty_cycle import MAX_NOTHING, BadAir, Dust, DutyCycle, trimmed_mean
from picket_collectors.source import SourceError

ALWAYS_ON = Dust(port="", interval_seconds=10, warm_up_seconds=5)
SLEEPING = Dust(port="", interval_seconds=600, warm_up_seconds=30)
NOTHING = {"pm2_5_ug_m3": 0.0, "pm10_ug_m3": 0.0}


def reading(pm2_5: float, pm10: float = 0.1) -> dict[str, float]:
    return {"pm2_5_ug_m3": pm2_5, "pm10_ug_m3": pm10}


def steps(cycle: DutyCycle, now: float, air: dict[str, float]) -> list[tuple[str, float]]:
    """Play one sample; return what was to be done and when."""
    done = []
    while True:
        step = cycle.next(now)
        done.append((step.do, now))
        match step.do:
            case "wait":
                now += step.seconds
            case "query":
                cycle.heard(air)
            case "done":
                cycle.result()
                return done


def test_a_long_interval_is_slept_through() -> None:
    cycle = DutyCycle(SLEEPING)

    first = steps(cycle, 0.0, reading(1.0))
    second = steps(cycle, 600.0, reading(1.0))

    assert [(do, at) for do, at in first if do != "wait"] == [
        ("wake", 0.0),
        *[("query", 30.0 + n) for n in range(5)],
        ("sleep", 34.0),
        ("done", 34.0),
    ]
    assert [(do, at - 600) for do, at in second] == first


def test_a_short_interval_is_stayed_awake_through() -> None:
    cycle = DutyCycle(ALWAYS_ON)
    first = steps(cycle, 0.0, reading(1.0))

    second = steps(cycle, 10.0, reading(1.0))

    assert ("wake", 0.0) in first
    assert [do for do, _ in second if do != "wait"] == ["query"] * 5 + ["done"]
    assert second[0] == ("query", 10.0)


@pytest.mark.parametrize(
    ("interval", "warm_up", "sleeps"),
    [
        pytest.param(60, 30, False, id="just-not-worth-it"),
        pytest.param(61, 30, True, id="just-worth-it"),
        pytest.param(600, 30, True, id="the-default"),
    ],
)
def test_sleep_must_be_worth_it(interval: float, warm_up: float, sleeps: bool) -> None:
    cycle = DutyCycle(Dust(port="", interval_seconds=interval, warm_up_seconds=warm_up))

    assert ("sleep" in dict(steps(cycle, 0.0, reading(1.0)))) is sleeps


def test_the_result_is_the_mean_without_the_least_and_the_greatest() -> None:
    readings = [reading(*pair) for pair in [(900.0, 5.0), (1.0, 6.0), (2.0, 0.1), (3.0, 7.0), (0.1, 800.0)]]

    assert trimmed_mean(readings) == reading(2.0, 6.0)


@pytest.mark.parametrize("nothing", [NOTHING, {}], ids=["zeros", "nothing"])
def test_what_is_measured_while_it_warms_up_is_waited_out(nothing: dict[str, float]) -> None:
    cycle, now, queries = DutyCycle(ALWAYS_ON), 0.0, 0

    while (step := cycle.next(now)).do != "done":
        now += step.seconds
        if step.do == "query":
            queries += 1
            cycle.heard(nothing if queries <= 10 else reading(4.0, 8.0))

    assert queries == 15
    assert cycle.result() == reading(4.0, 8.0)


def test_zeros_now_and_then_are_no_fault() -> None:
    cycle = DutyCycle(ALWAYS_ON)

    for _ in range(4):
        for _ in range(MAX_NOTHING - 1):
            cycle.heard(NOTHING)
        cycle.heard(reading(0.1))


def test_zeros_that_never_end_are_a_fault() -> None:
    cycle = DutyCycle(ALWAYS_ON)
    for _ in range(MAX_NOTHING - 1):
        cycle.heard(NOTHING)

    with pytest.raises(SourceError, match="measures nothing, 30 times in a row"):
        cycle.heard(NOTHING)


# Bad air


def play(bad_air: BadAir | None, *airs: dict[str, float]) -> list[tuple[bool, float]]:
    """Sample in one air after another; return whether it slept after each, and for how long until the next."""
    cycle = DutyCycle(Dust(port="", interval_seconds=600, warm_up_seconds=30, bad_air=bad_air))
    now, seen = 0.0, []
    for air in airs:
        slept = "sleep" in dict(steps(cycle, now, air))
        seen.append((slept, cycle.interval_seconds))
        now += cycle.interval_seconds
    return seen


def test_while_the_air_is_bad_the_sleep_is_shorter() -> None:
    assert play(BadAir(), reading(8.0), reading(60.0), reading(60.0), reading(8.0)) == [
        (True, 600),
        (True, 180),
        (True, 180),
        (True, 600),
    ]


def test_an_interval_that_is_not_worth_sleeping_is_worked_through_until_the_air_is_good() -> None:
    often = BadAir(interval_seconds=10)
    cycle = DutyCycle(Dust(port="", interval_seconds=600, warm_up_seconds=30, bad_air=often))

    done = [
        [do for do, _ in steps(cycle, now, air) if do not in ("wait", "query")]
        for now, air in [(0.0, reading(60.0)), (40.0, reading(60.0)), (50.0, reading(8.0)), (650.0, reading(8.0))]
    ]

    assert done == [["wake", "done"], ["done"], ["sleep", "done"], ["wake", "sleep", "done"]]


@pytest.mark.parametrize(
    ("airs", "bad"),
    [
        pytest.param([reading(35.0)], [False], id="on-the-bound"),
        pytest.param([reading(35.1)], [True], id="above"),
        pytest.param([reading(1.0, 50.1)], [True], id="either-will-do"),
        pytest.param([reading(35.1), reading(25.1)], [True, True], id="not-good-yet"),
        pytest.param([reading(35.1), reading(25.0)], [True, False], id="good-again"),
        pytest.param([reading(35.1), reading(25.0, 45.0)], [True, True], id="both-must-be-good"),
        pytest.param([reading(35.1), reading(20.0), reading(30.0)], [True, False, False], id="between-is-no-news"),
    ],
)
def test_it_is_told_by_bounds_with_hysteresis(airs: list[Any], bad: list[bool]) -> None:
    assert [interval == 180 for _, interval in play(BadAir(), *airs)] == bad


def test_an_interval_for_bad_air_never_makes_it_longer() -> None:
    assert play(BadAir(interval_seconds=3600), reading(60.0)) == [(True, 600)]


def test_who_wants_one_interval_always_has_it() -> None:
    assert play(None, reading(900.0), reading(900.0)) == [(True, 600), (True, 600)]
