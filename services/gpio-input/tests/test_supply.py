import math

import pytest

from picket.config.schema import Supply
from picket_gpio_input.sampling.supply import Scale


def scale_of(*volts: float, nominal_volts: float = 5.0) -> Scale:
    scale = Scale(Supply(channel=8, nominal_volts=nominal_volts))
    for now, measured in enumerate(volts):
        scale.update(measured, now * 0.5)
    return scale


@pytest.mark.parametrize(
    ("volts", "nominal_volts", "factor"),
    [(5.0, 5.0, 1.0), (4.0, 5.0, 1.25), (2.4, 2.5, 2.5 / 2.4), (2.9, 5.0, 1.0), (6.1, 5.0, 1.0), (math.nan, 5.0, 1.0)],
)
def test_inputs_are_scaled_by_what_the_supply_lacks_unless_it_cannot_be(
    volts: float, nominal_volts: float, factor: float
) -> None:
    assert scale_of(volts, nominal_volts=nominal_volts).factor == pytest.approx(factor)


def test_a_dip_is_no_trouble_and_what_lasts_is_told_once_until_it_is_well_again() -> None:
    dip, lasting = scale_of(5.0, 2.0, 5.0), scale_of(5.0, 2.0, 2.1, 2.2, 2.3)
    told = lasting.trouble

    lasting.update(5.0, 10.0)
    returning = (lasting.trouble, lasting.factor)
    lasting.update(4.0, 11.0)

    assert dip.trouble == ""
    assert told == "reads less than 3 or more than 6 V"
    assert returning == (told, 1.0)
    assert (lasting.trouble, lasting.factor) == ("", 1.25)


def test_a_lost_supply_is_trouble_at_once_and_is_over_when_it_has_been_back_for_a_while() -> None:
    scale = scale_of(4.0, 4.0)

    scale.lose("ADC 0x69 does not answer")
    lost = (scale.trouble, scale.factor)
    scale.update(4.0, 5.0)
    returning = scale.trouble
    scale.update(4.0, 6.0)

    assert lost == ("ADC 0x69 does not answer", 1.0)
    assert returning == "ADC 0x69 does not answer"
    assert (scale.trouble, scale.factor) == ("", 1.25)


def test_a_supply_that_comes_back_wrong_is_told_as_that() -> None:
    scale = scale_of(4.0)
    scale.lose("ADC 0x69 does not answer")

    scale.update(1.0, 5.0)
    scale.update(1.0, 6.0)

    assert scale.trouble == "reads less than 3 or more than 6 V"
