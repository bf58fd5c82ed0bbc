from picket.config.schema import AnalogPir, DigitalPir
from picket_gpio_input.filter.signals import AnalogSignal, DigitalSignal


def test_an_analog_pirs_rest_is_followed_and_a_swing_is_active_from_its_peak_to_its_end() -> None:
    signal = AnalogSignal(AnalogPir(channel=1, on_above_volts=0.5, off_below_volts=0.25))
    for n in range(600):
        signal.update(2.0 + n * 0.0005, n / 60)  # drifts by 0.3 V in 10 s

    swings = [signal.update(signal.baseline + v, 10 + n / 60).active for n, v in enumerate([0.4, 0.6, 0.3, -0.3, 0.1])]

    assert swings == [False, True, True, False, False]


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
