import pytest

from picket_gpio_input.sampling.adcpi import Channel
from picket_gpio_input.sampling.rates import Round, least_per_second


def chip(*bits: int, blocks: bool = False, prefix: str = "") -> Round:
    return Round([Channel(f"{prefix}{n}", n, of, 1) for n, of in enumerate(bits, 1)], blocks)


TWELVE = (12, 12, 12, 12)
EIGHT_CHIPS = [chip(*TWELVE, prefix=f"{n}/") for n in range(8)]
# A conversion at the datasheet's slowest takes 5.7, 22.7, 91 or 364 ms, and each sample a millisecond of the bus.
MILLISECONDS = {12: 6.682, 14: 23.727, 16: 91.909, 18: 364.636}


@pytest.mark.parametrize(
    ("rounds", "name", "milliseconds"),
    [
        pytest.param([chip(12)], "1", MILLISECONDS[12], id="alone"),
        pytest.param([chip(*TWELVE)], "4", 4 * MILLISECONDS[12], id="four-of-a-chip"),
        pytest.param([chip(*TWELVE), chip(18, prefix="slow")], "4", 4 * MILLISECONDS[12], id="beside-a-slow-chip"),
        pytest.param([chip(12, 18)], "1", MILLISECONDS[12] + MILLISECONDS[18], id="beside-a-slow-channel"),
        pytest.param([chip(14, 16)], "2", MILLISECONDS[14] + MILLISECONDS[16], id="every-resolution"),
        pytest.param([chip(*TWELVE, blocks=True)], "1", 4 * MILLISECONDS[12], id="blocking-alone"),
        pytest.param(
            [chip(*TWELVE, blocks=True), chip(*TWELVE, blocks=True, prefix="b")],
            "1",
            8 * MILLISECONDS[12],
            id="blocking-in-turn",
        ),
        pytest.param(
            [chip(12), chip(18, blocks=True, prefix="b")],
            "1",
            MILLISECONDS[12] + MILLISECONDS[18],
            id="held-up-by-another-driver",
        ),
        pytest.param(EIGHT_CHIPS, "7/4", 32.0, id="a-full-bus"),
    ],
)
def test_an_input_s_least_rate_is_that_of_its_slowest_round(
    rounds: list[Round], name: str, milliseconds: float
) -> None:
    assert 1000 / least_per_second(rounds)[name] == pytest.approx(milliseconds, rel=0.001)
