import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket_gpio_input.sampling.mcp3424 import FASTEST, TYPICAL_SECONDS
from picket_gpio_input.sampling.period import Period
from picket_gpio_input.sampling.sampler import STUCK

TYPICAL = TYPICAL_SECONDS[12]


def converse(period: Period, takes: float, rounds: int, *, on_time: bool = True) -> int:
    """Wait for conversions that take so long, as a scan does; return how many first looks were too early."""
    early = 0
    for _ in range(rounds):
        age, unready, looks = period.wait, 0.0, 0
        while age < takes:
            looks += 1
            unready = age
            age += period.step(looks)
        period.learn(age, unready, looks, on_time)
        early += looks > 0
    return early


@pytest.mark.parametrize("share", [FASTEST, 0.9, 1.0, 1.1, 240 / 176], ids="{:.2f}".format)
def test_the_wait_is_learned_within_half_a_percent_and_seldom_too_short(share: float) -> None:
    period = Period(TYPICAL)
    converse(period, share * TYPICAL, 500)

    early = converse(period, share * TYPICAL, 1000)

    assert period.wait == pytest.approx(share * TYPICAL, rel=0.005)
    assert early <= 20


def test_a_look_that_was_held_up_teaches_nothing() -> None:
    period = Period(TYPICAL)
    converse(period, TYPICAL, 500)
    before = period.wait

    converse(period, TYPICAL / 2, 500, on_time=False)

    assert period.wait == before


@given(
    st.lists(
        st.tuples(st.floats(0, 1e4), st.floats(0, STUCK * TYPICAL), st.integers(0, 100), st.booleans()), max_size=200
    )
)
def test_whatever_was_seen_the_wait_is_possible_and_is_soon_right_again(
    seen: list[tuple[float, float, int, bool]],
) -> None:
    period = Period(TYPICAL)
    for late, unready, looks, on_time in seen:
        period.learn(unready + late, unready, looks, on_time)

    assert 0 <= period.wait <= (STUCK + 0.05) * TYPICAL

    converse(period, TYPICAL, 6000)
    assert period.wait == pytest.approx(TYPICAL, rel=0.02)
