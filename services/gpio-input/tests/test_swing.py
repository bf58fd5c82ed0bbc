import math
import random
from collections.abc import Callable

import pytest

from picket.config.schema import AnalogPir
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.filter.motion import Verdict
from picket_gpio_input.filter.signals import AnalogSignal
from picket_gpio_input.filter.swing import NOISE_MARGIN, Noise, Swing

HERTZ = 60


def fed(volts: Callable[[float], float], seconds: float = 12.0, **changes: float) -> list[Verdict]:
    """Return what is decided of volts added to a rest of 2.5 V."""
    detector = Detector(AnalogPir(channel=1, **changes), warm=True)
    samples = ((n / HERTZ, 2.5 + volts(n / HERTZ)) for n in range(int(seconds * HERTZ)))
    return [f.verdict for t, v in samples for f in detector.update(min(5.0, max(0.0, v)), t)]


def wave(volts: float, hertz: float, begin: float, cycles: float) -> Callable[[float], float]:
    return lambda t: (
        volts * math.sin(2 * math.pi * hertz * (t - begin)) if begin <= t <= begin + cycles / hertz else 0.0
    )


def held(volts: float, begin: float, seconds: float) -> Callable[[float], float]:
    return lambda t: volts if begin <= t < begin + seconds else 0.0


@pytest.mark.parametrize(
    ("volts", "why"),
    [
        pytest.param(wave(1.0, 0.8, 3, 0.5), "a swing of 0.09", id="one-large-swing"),
        pytest.param(wave(0.5, 1.5, 3, 2), "to both sides", id="to-and-fro"),
        pytest.param(
            lambda t: held(-1.0, 3, 0.3)(t) + wave(1.2, 1.0, 3.3, 0.5)(t), "to both sides", id="a-step-and-a-swing-back"
        ),
    ],
)
def test_a_persons_swings_are_motion_within_a_second(volts: Callable[[float], float], why: str) -> None:
    new = next(verdict for verdict in fed(volts) if verdict.type == "new")

    assert why in new.why
    assert 3.0 <= new.began <= new.at <= 4.0


@pytest.mark.parametrize(
    ("volts", "why"),
    [
        pytest.param(held(1.5, 3, 0.05), ["active for 0.050 s only (asked: 0.06 s), peak 1.50 V"], id="radio"),
        pytest.param(
            held(-1.0, 3, 0.5),
            ["a step of 1.00 V, 0.000 V s beyond it (asked: 0.09 V s beyond 0.2 V), peak 1.00 V"],
            id="supply-dip",
        ),
        pytest.param(wave(0.35, 1.0, 3, 3), [], id="pet"),
        pytest.param(lambda t: 0.6 * min(1.0, max(0.0, (t - 3) / 2)), [], id="warm-air"),
        pytest.param(
            wave(0.5, 1.5, 3, 0.5),
            ["a swing of 0.044 V s only (asked: 0.09 V s beyond 0.2 V), peak 0.50 V"],
            id="small",
        ),
    ],
)
def test_what_is_no_person_is_suppressed_and_says_why(volts: Callable[[float], float], why: list[str]) -> None:
    verdicts = fed(volts)

    assert {verdict.type for verdict in verdicts} <= {"suppressed"}
    assert [verdict.why for verdict in verdicts] == why


def test_thresholds_grow_with_the_noise_of_a_sensor() -> None:
    dice = random.Random(1)
    noise = Noise(expected_volts=0.2 / NOISE_MARGIN)

    factors = [noise.update(dice.gauss(0, 0.2), 1 / HERTZ) for _ in range(60 * HERTZ)]

    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(NOISE_MARGIN, rel=0.1)
    assert {verdict.type for verdict in fed(lambda _t: dice.gauss(0, 0.2))} <= {"suppressed"}


def test_swings_are_no_noise() -> None:
    noise = Noise(expected_volts=0.2 / NOISE_MARGIN)

    assert {noise.update(2 * math.sin(2 * math.pi * 1.5 * n / HERTZ), 1 / HERTZ) for n in range(600)} == {1.0}


def test_a_rest_is_not_carried_away_by_swings() -> None:
    signal = AnalogSignal(AnalogPir(channel=1))
    for n in range(10 * HERTZ):
        signal.update(2.5 + wave(2.0, 0.8, 2, 6)(n / HERTZ), n / HERTZ)

    assert signal.baseline == pytest.approx(2.5, abs=0.1)


def test_two_swings_may_be_asked_for() -> None:
    once = fed(wave(1.2, 0.8, 3, 0.5), pulses=2)
    to_and_fro = fed(wave(1.2, 0.8, 3, 1), pulses=2)

    assert [verdict.type for verdict in once] == ["suppressed"]
    assert [verdict.type for verdict in to_and_fro] == ["new", "end"]
    assert "2 pulses in" in to_and_fro[0].why


def test_a_swing_says_how_it_was_judged() -> None:
    swing = Swing(above=True, began=0.0, left=0.0, off=0.2, asked=0.09)
    swing.counted, swing.both_sides = 0.05, True

    assert str(swing) == "swings to both sides of 0.050 V s only (asked: 0.09 V s beyond 0.2 V)"
