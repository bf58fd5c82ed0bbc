import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.config.schema import DigitalPir
from picket_gpio_input.filter.motion import MotionFilter, Verdict
from picket_gpio_input.filter.zones import Meaning


def settings(**changes: float) -> DigitalPir:
    plain = {"minimum_active_seconds": 0.0, "warm_up_seconds": 0.0, "hold_seconds": 2.0}
    return DigitalPir(channel=1, **{**plain, **changes})


def meaning(active: bool, level: float = 1.0) -> Meaning:
    return Meaning("alarm" if active else "normal", active, level if active else 0.0)


def feed(motion: MotionFilter, *steps: tuple[float, bool]) -> list[Verdict]:
    return [verdict for now, active in steps for verdict in motion.update(meaning(active), now)]


def types(verdicts: list[Verdict]) -> list[str]:
    return [verdict.type for verdict in verdicts]


CASES = [
    pytest.param({}, [(0, True), (0.1, False), (2.2, False)], ["new", "end"], id="one-pulse-then-quiet"),
    pytest.param({}, [(0, True), (0.1, False), (1.9, True), (2, False), (3.8, False)], ["new"], id="a-pulse-holds"),
    pytest.param({"pulses": 2}, [(0, True), (0.1, False), (6, False)], ["suppressed"], id="one-of-two-pulses"),
    pytest.param({"pulses": 2}, [(0, True), (0.1, False), (4, True)], ["new"], id="two-pulses-in-the-window"),
    pytest.param({"pulses": 2}, [(0, True), (0.1, False), (6, True)], ["suppressed"], id="two-pulses-too-far-apart"),
    pytest.param(
        {"minimum_active_seconds": 0.3}, [(0, True), (0.2, False)], ["suppressed"], id="shorter-than-the-minimum"
    ),
    pytest.param(
        {"minimum_active_seconds": 0.3}, [(0, True), (0.2, True), (0.4, True)], ["new"], id="longer-than-the-minimum"
    ),
    pytest.param(
        {"warm_up_seconds": 10}, [(0, False), (5, True), (6, False), (11, False)], ["suppressed"], id="while-warming-up"
    ),
    pytest.param({"warm_up_seconds": 10}, [(0, True), (9, True), (11, True)], ["suppressed"], id="since-the-warm-up"),
]


@pytest.mark.parametrize(("changes", "steps", "expected"), CASES)
def test_the_filter_decides(changes: dict[str, float], steps: list[tuple[float, bool]], expected: list[str]) -> None:
    motion = MotionFilter(settings(**changes))

    verdicts = feed(motion, *steps)

    assert types(verdicts) == expected


def test_a_verdict_says_why_with_its_figures() -> None:
    motion = MotionFilter(settings(pulses=2))

    began, ended = feed(motion, (0, True), (0.5, False), (1.2, True), (1.5, False), (4, False))

    assert began.why == "2 pulses in 1.20 s (asked: 2 in 5 s), peak 1.00 V"
    assert ended.why == "quiet for 2.80 s (hold 2 s); 2 pulses"
    assert (began.began, ended.began) == (0, 0)


def test_long_motion_is_told_of_again() -> None:
    motion = MotionFilter(settings())

    verdicts = feed(motion, *((t / 2, t % 2 == 0) for t in range(48)))

    assert types(verdicts) == ["new", "update", "update"]


def test_motion_ends_when_samples_stop() -> None:
    motion = MotionFilter(settings())
    feed(motion, (0, True))

    assert types(motion.interrupt("ADC 0x68 does not answer")) == ["end"]
    assert not motion.moving


def pulses(count: int, seconds: float, every: float, begin: float = 0.0) -> list[tuple[float, bool]]:
    """Return `count` pulses of so many seconds."""
    return [step for n in range(count) for step in ((begin + n * every, True), (begin + n * every + seconds, False))]


def test_a_chattering_input_is_in_trouble_and_not_believed_until_it_is_quiet() -> None:
    motion = MotionFilter(settings(minimum_active_seconds=0.2, chatter_pulses=10, chatter_seconds=5))

    chatter = feed(motion, *pulses(10, 0.02, 0.1))
    text = motion.chattering(1.0)
    during = feed(motion, (1.0, True), (1.5, True), (1.6, False))

    assert types(chatter) == ["suppressed"] * 10
    assert text == "chatters: 10 short pulses in 0.9 s"
    assert [v.why for v in during] == ["while it chatters: 10 short pulses in 0.9 s, peak 1.00 V"]
    assert motion.chattering(6.0) == ""
    assert types(feed(motion, (6.0, True), (6.3, True))) == ["new"]


def test_short_pulses_that_the_sampling_ran_together_are_no_long_one() -> None:
    motion = MotionFilter(settings(minimum_active_seconds=0.2))

    verdicts = feed(motion, *pulses(3, 0.05, 0.1), *pulses(1, 0.25, 1.0, begin=0.3))

    assert [v.why for v in verdicts][-1] == "right after pulses too short to count, peak 1.00 V"


def test_a_swinger_is_shut_off_until_it_has_rested() -> None:
    motion = MotionFilter(settings(swinger_trips=2, swinger_rest_seconds=60))

    trips = [step for n in range(4) for step in (*pulses(1, 0.5, 1.0, begin=10 * n), (10 * n + 3.0, False))]

    verdicts = feed(motion, *trips, *pulses(1, 0.5, 1.0, begin=100))

    assert types(verdicts) == ["new", "end", "new", "end", "suppressed", "suppressed", "new"]
    assert verdicts[4].why == "swinger: 2 motions without 60 s of rest"


@given(
    steps=st.lists(
        st.tuples(st.floats(-5, 30), st.booleans(), st.floats(0, 5) | st.just(math.inf)),
        max_size=200,
    ),
    pulses=st.integers(1, 4),
    minimum=st.sampled_from([0.0, 0.2]),
    warm_up=st.sampled_from([0.0, 3.0]),
)
def test_every_new_has_an_end_and_none_comes_without_a_cause(
    steps: list[tuple[float, bool, float]], pulses: int, minimum: float, warm_up: float
) -> None:
    motion = MotionFilter(settings(pulses=pulses, minimum_active_seconds=minimum, warm_up_seconds=warm_up))
    now, lives, ever_active = 0.0, [], False
    for step, active, level in steps:
        now += step
        ever_active |= active
        for verdict in motion.update(meaning(active, level), now):
            assert ever_active
            lives.append(verdict.type)
    lives += [verdict.type for verdict in motion.interrupt("over")]

    going = False
    for life in lives:
        if life in ("new", "end"):
            assert going == (life == "end")
            going = life == "new"
        assert life != "update" or going
    assert not going
