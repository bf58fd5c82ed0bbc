"""Looks every five seconds at an input of which 40 samples a second are expected at the least."""

from collections.abc import Iterable
from itertools import repeat

import pytest

from picket_gpio_input.sampling.watch import Watch

LEAST = 40.0
LOOK_SECONDS = 5.0
START = 1000.0
NOT_SAMPLED = "not sampled for {} s"
SLOW = "sampled {} times a second: expected 40 at the least"


class Sampled:
    """An input's samples, and what a watch says of them."""

    def __init__(self, least: float = LEAST) -> None:
        self.watch = Watch(least)
        self.now, self.samples, self.waiting_since = START, 0, START
        self.said: list[str] = []

    def look(self, per_second: float, seconds: float = LOOK_SECONDS) -> str:
        """Let time pass at a rate, and look."""
        self.now += seconds
        if came := int(per_second * seconds):
            self.samples += came
            self.waiting_since = self.now - 0.01
        self.said.append(self.watch.look(self.now, self.samples, self.waiting_since, 1 / 50))
        return self.said[-1]

    def looks(self, rates: Iterable[float]) -> list[str]:
        return [self.look(rate) for rate in rates]


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        pytest.param(repeat(54, 20), "", id="as-usual"),
        pytest.param(repeat(21, 20), "", id="a-little-over-half"),
        pytest.param([54] + [15] * 5, "", id="slow-for-25-s"),
        pytest.param([54] + [15] * 6, SLOW.format(15), id="slow-for-30-s"),
        pytest.param(([15] * 5 + [54]) * 4, "", id="slow-with-a-good-look-now-and-then"),
        pytest.param([54, 0], "", id="nothing-for-one-look"),
        pytest.param([54, 0, 0], NOT_SAMPLED.format(10), id="nothing-for-two-looks"),
        pytest.param([0, 0], "", id="never-sampled-for-one-whole-look"),
        pytest.param([0, 0, 0], NOT_SAMPLED.format(15), id="never-sampled"),
        pytest.param([54, 0, 54, 0, 54, 0], "", id="held-up-time-and-again"),
        pytest.param([54, 0, 0, 54], NOT_SAMPLED.format(10), id="not-well-after-one-good-look"),
        pytest.param([54, 0, 0, 54, 54], "", id="well-after-two"),
        pytest.param([54] + [15] * 8 + [54, 15] * 3, SLOW.format(15), id="still-slow-now-and-then"),
        pytest.param([54] + [15] * 8 + [54, 54], "", id="fast-again"),
    ],
)
def test_what_lasts_is_told_and_what_passes_is_not(rates: Iterable[float], said: str) -> None:
    assert Sampled().looks(rates)[-1] == said


def test_a_lost_chip_is_not_told_twice_and_its_return_begins_anew() -> None:
    sampled = Sampled()
    sampled.looks([54, 0, 0])

    assert sampled.watch.look(sampled.now + 5, sampled.samples, None, 0.02) == ""
    sampled.now += 60
    assert sampled.looks([20, 54, 54]) == ["", "", ""]


@pytest.mark.parametrize(
    "seconds",
    [pytest.param([12.0] * 10, id="looks-that-are-late"), pytest.param([5.0, 7.0, 0.2, 5.0], id="one-right-after")],
)
def test_a_process_that_was_held_up_says_nothing_of_its_inputs(seconds: list[float]) -> None:
    sampled = Sampled()
    sampled.looks([54, 54])

    said = [sampled.look(0 if gap in (7.0, 0.2) else 10 if gap > 10 else 54, gap) for gap in seconds]

    assert said == [""] * len(seconds)


@pytest.mark.parametrize("interval_seconds", [1.07, 1.46, 2.9, 11.6], ids=lambda seconds: f"every-{seconds}-s")
def test_slow_conversions_are_not_taken_for_none(interval_seconds: float) -> None:
    watch = Watch(1 / interval_seconds)

    for look in range(1, 200):
        now = LOOK_SECONDS * look
        samples = int(now / interval_seconds)
        usual = interval_seconds if samples > 1 else 0.0
        assert watch.look(now, samples, samples * interval_seconds, usual) == ""

    stopped = [watch.look(now + LOOK_SECONDS * look, samples, now, interval_seconds) for look in range(1, 100)]
    assert "not sampled" in stopped[-1]
