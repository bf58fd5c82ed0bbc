import pytest

from picket_gpio_input.sampling.pace import Pace


def paced(*intervals: float) -> Pace:
    pace = Pace()
    now = 100.0
    pace.add(now)
    for interval in intervals:
        now += interval
        pace.add(now)
    return pace


def test_rate_and_jitter_are_those_of_the_intervals() -> None:
    figures = paced(*[0.02] * 97, *[0.03] * 3).figures()

    assert figures == {"per_second": pytest.approx(49.26, abs=0.01), "interval_ms": [20.0, 30.0], "overruns": 0}


def test_a_sample_that_comes_after_twice_the_usual_time_is_an_overrun() -> None:
    assert paced(*[0.02] * 50, 0.039, 0.041, *[0.02] * 50).overruns == 1


def test_a_new_rate_is_no_overrun_for_long() -> None:
    pace = paced(*[0.02] * 50, *[0.1] * 500)

    assert pace.overruns < 60


def test_a_loss_is_no_interval() -> None:
    pace = paced(*[0.02] * 10)

    pace.pause()
    figures = pace.figures()
    pace.add(9999.0)

    assert figures == {"per_second": 0.0, "interval_ms": None, "overruns": 0}
    assert pace.overruns == 0


def test_a_sample_is_waited_for_from_the_begin_and_from_each_sample_until_a_loss() -> None:
    pace = Pace()
    before = pace.waiting_since

    pace.begin(99.0)
    begun = pace.waiting_since
    pace.add(100.0)
    sampled = pace.waiting_since
    pace.pause()

    assert (before, begun, sampled, pace.waiting_since) == (None, 99.0, 100.0, None)
