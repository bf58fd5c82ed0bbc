"""When a sample is due."""

import pytest

from picket_collectors.schedule import Schedule


@pytest.mark.parametrize(
    ("interval", "chance", "due"),
    [
        pytest.param(600, 0.0, 1000.0, id="at-once"),
        pytest.param(600, 1.0, 1002.0, id="two-seconds-at-most"),
        pytest.param(1, 1.0, 1001.0, id="never-more-than-an-interval"),
    ],
)
def test_the_first_sample_comes_soon_but_not_in_step_with_others(interval: float, chance: float, due: float) -> None:
    schedule = Schedule(interval, 1000.0, lambda: chance)

    assert schedule.due == due


@pytest.mark.parametrize(
    ("done_at", "due"),
    [
        pytest.param(1000.1, 1010.0, id="quick"),
        pytest.param(1009.9, 1010.0, id="slow"),
        pytest.param(1010.0, 1020.0, id="to-the-deadline"),
        pytest.param(1034.0, 1040.0, id="missed-ones-are-not-made-up"),
    ],
)
def test_a_slow_sample_shifts_no_deadline(done_at: float, due: float) -> None:
    schedule = Schedule(10, 1000.0, lambda: 0.0)

    schedule.succeeded(done_at)

    assert schedule.due == due


@pytest.mark.parametrize(
    ("interval", "delays"),
    [
        pytest.param(600, [5, 10, 20, 40, 80, 160, 300, 300], id="to-five-minutes"),
        pytest.param(10, [5, 10, 20, 40, 80, 100, 100], id="to-ten-intervals"),
        pytest.param(1, [1, 2, 4, 8, 10, 10], id="from-one-interval"),
    ],
)
def test_failures_are_retried_ever_less_often(interval: float, delays: list[float]) -> None:
    schedule, now, seen = Schedule(interval, 1000.0, lambda: 0.5), 1000.0, []

    for _ in delays:
        schedule.failed(now)
        seen.append(round(schedule.due - now, 6))
        now = schedule.due

    assert seen == delays


def test_a_success_ends_the_back_off_and_returns_to_the_grid() -> None:
    schedule = Schedule(10, 1000.0, lambda: 0.5)
    for now in (1001.0, 1006.0, 1016.0):
        schedule.failed(now)

    schedule.succeeded(1036.0)
    back_on_the_grid = schedule.due
    schedule.failed(1041.0)

    assert back_on_the_grid == 1041.0
    assert schedule.due == 1046.0


@pytest.mark.parametrize(
    ("asked", "done_at", "due"),
    [
        pytest.param(10, 1004.0, 1010.0, id="sooner"),
        pytest.param(10, 1034.0, 1040.0, id="sooner-and-late"),
        pytest.param(600, 1034.0, 1600.0, id="later"),
        pytest.param(None, 1034.0, 1060.0, id="as-usual"),
    ],
)
def test_a_source_may_ask_for_another_interval(asked: float | None, done_at: float, due: float) -> None:
    schedule = Schedule(60, 1000.0, lambda: 0.0)

    schedule.succeeded(done_at, asked)

    assert schedule.due == due


@pytest.mark.parametrize(
    ("asked", "delay"),
    [
        pytest.param(120, 120, id="later"),
        pytest.param(0, 5, id="at-once-is-too-soon"),
        pytest.param(9e9, 3600, id="an-hour-at-most"),
    ],
)
def test_who_is_asked_to_wait_waits(asked: float, delay: float) -> None:
    schedule = Schedule(600, 1000.0, lambda: 0.5)

    schedule.failed(1000.0, asked)

    assert schedule.due == 1000.0 + delay
