import pytest

from picket.config.schema import AnalogPir, Band, DigitalPir, Loop
from picket_gpio_input.signals import AnalogSignal, DigitalSignal, LoopSignal

DEOL = Loop(
    channel=5,
    zones={
        "short": Band(below_volts=0.4),
        "normal": Band(from_volts=0.4, below_volts=2.0),
        "alarm": Band(from_volts=2.0, below_volts=3.2),
        "tamper": Band(from_volts=3.2, below_volts=4.6),
    },
    debounce_seconds=0.3,
)


def test_an_analog_pirs_rest_is_followed_and_its_swing_is_active_with_hysteresis() -> None:
    signal = AnalogSignal(AnalogPir(channel=1, on_above_volts=0.5, off_below_volts=0.25))
    for n in range(600):
        signal.update(2.0 + n * 0.0005, n / 60)  # drifts by 0.3 V in 10 s

    swings = [signal.update(signal.baseline + v, 10 + n / 60).active for n, v in enumerate([0.4, 0.6, 0.3, -0.3, 0.1])]

    assert swings == [False, True, True, True, False]


def test_a_lasting_shift_becomes_the_new_rest() -> None:
    signal = AnalogSignal(AnalogPir(channel=1, baseline_seconds=10))
    for n in range(600):
        signal.update(2.5, n / 60)

    active = [signal.update(3.5, 10 + n / 60).active for n in range(60 * 120)]

    assert (active[0], active[-1]) == (True, False)


def test_a_rest_that_was_learned_in_the_middle_of_a_walk_is_mended_in_seconds() -> None:
    signal = AnalogSignal(AnalogPir(channel=1))
    for n in range(60):
        signal.update(4.0, n / 60)

    active = [signal.update(2.5, 1 + n / 60).active for n in range(60 * 8)]

    assert (active[0], active[-1]) == (True, False)


def test_a_short_is_a_zone_only_when_it_lasts_and_is_never_motion() -> None:
    signal = AnalogSignal(AnalogPir(channel=1, fault_after_seconds=2.0))
    signal.update(2.5, 0)

    meanings = [signal.update(0.0, now) for now in (1, 2.9, 3.1)]

    assert [meaning.zone for meaning in meanings] == ["normal", "normal", "short"]
    assert not meanings[-1].active


def test_a_digital_pir_is_active_with_hysteresis() -> None:
    signal = DigitalSignal(DigitalPir(channel=6))

    assert [signal.update(v, 0).active for v in (0.0, 1.5, 2.5, 1.5, 0.5)] == [False, False, True, True, False]


@pytest.mark.parametrize(
    ("volts", "zone"), [(1.2, "normal"), (2.5, "alarm"), (0.1, "short"), (4.0, "tamper"), (4.9, "fault")]
)
def test_a_loops_bands_are_zones(volts: float, zone: str) -> None:
    signal = LoopSignal(DEOL)
    signal.update(1.2, 0)
    signal.update(volts, 1)

    assert signal.update(volts, 2).zone == zone


def test_a_loop_between_two_bands_does_not_chatter() -> None:
    signal = LoopSignal(DEOL)
    signal.update(1.9, 0)

    assert {signal.update(2.0 + noise, 1 + n).zone for n, noise in enumerate([0.02, -0.02, 0.03])} == {"normal"}


def test_a_tamper_shorter_than_the_debounce_is_none() -> None:
    signal = LoopSignal(DEOL)
    signal.update(1.2, 0)

    assert [signal.update(v, now).zone for v, now in ((4.0, 1), (4.0, 1.2), (1.2, 1.25), (4.0, 1.3))] == ["normal"] * 4
