from collections.abc import Mapping

import pytest

from picket.config.schema import Band, Deol, Loop, Seol, Teol
from picket.config.wiring import bands, loop_states, too_close

SEOL_5K6 = {"end_of_line_ohms": 5600}
DEOL_1K_1K = {"end_of_line_ohms": 1000, "alarm_ohms": 1000}
DEOL_2K2_4K7 = {"end_of_line_ohms": 2200, "alarm_ohms": 4700}
TEOL_2K2_2K2_4K7 = {"end_of_line_ohms": 2200, "fault_ohms": 2200, "alarm_ohms": 4700}
TEOL_1K_1K_3K = {"end_of_line_ohms": 1000, "alarm_ohms": 1000, "fault_ohms": 3000}


@pytest.mark.parametrize(
    ("kind", "ohms", "pull_up_ohms", "percents"),
    [
        pytest.param(Seol, SEOL_5K6, 2200, {"normal": 66, "open": 88}, id="seol-5k6-2k2"),
        pytest.param(Seol, SEOL_5K6, 4700, {"normal": 47, "open": 78}, id="seol-5k6-4k7"),
        pytest.param(Seol, SEOL_5K6, 10000, {"normal": 30, "open": 63}, id="seol-5k6-10k"),
        pytest.param(Deol, DEOL_1K_1K, 2200, {"normal": 30, "alarm": 45, "open": 88}, id="deol-1k-1k-2k2"),
        pytest.param(Deol, DEOL_1K_1K, 4700, {"normal": 17, "alarm": 28, "open": 78}, id="deol-1k-1k-4k7"),
        pytest.param(Deol, DEOL_1K_1K, 10000, {"normal": 9, "alarm": 15, "open": 63}, id="deol-1k-1k-10k"),
        pytest.param(Deol, DEOL_2K2_4K7, 2200, {"normal": 47, "alarm": 69, "open": 88}, id="deol-2k2-4k7-2k2"),
        pytest.param(Deol, DEOL_2K2_4K7, 4700, {"normal": 29, "alarm": 51, "open": 78}, id="deol-2k2-4k7-4k7"),
        pytest.param(Deol, DEOL_2K2_4K7, 10000, {"normal": 16, "alarm": 33, "open": 63}, id="deol-2k2-4k7-10k"),
        pytest.param(
            Teol,
            TEOL_2K2_2K2_4K7,
            2200,
            {"normal": 47, "fault": 61, "alarm": 69, "masked": 73, "open": 88},
            id="teol-2k2-2k2-4k7-2k2",
        ),
        pytest.param(
            Teol,
            TEOL_2K2_2K2_4K7,
            4700,
            {"normal": 29, "fault": 43, "alarm": 51, "masked": 56, "open": 78},
            id="teol-2k2-2k2-4k7-4k7",
        ),
        pytest.param(
            Teol,
            TEOL_2K2_2K2_4K7,
            10000,
            {"normal": 16, "fault": 26, "alarm": 33, "masked": 37, "open": 63},
            id="teol-2k2-2k2-4k7-10k",
        ),
    ],
)
def test_a_states_volts_are_a_share_of_the_supply_with_the_boards_load_in_parallel(
    kind: type[Seol | Deol | Teol], ohms: dict[str, float], pull_up_ohms: float, percents: Mapping[str, int]
) -> None:
    wiring = kind(**ohms, pull_up_ohms=pull_up_ohms)

    read = {state.name: round(state.volts / wiring.supply_volts * 100) for state in loop_states(wiring)}

    assert read == {"short": 0, **percents}
    assert not list(too_close(Loop(channel=1, wiring=wiring), bits=12, gain=1))


@pytest.mark.parametrize(
    ("wiring", "zones"),
    [
        pytest.param(Seol(**SEOL_5K6), ["alarm", "normal", "alarm"], id="seol"),
        pytest.param(Seol(**SEOL_5K6, short_is="short", open_is="open"), ["short", "normal", "open"], id="seol-said"),
        pytest.param(Deol(**DEOL_2K2_4K7), ["short", "normal", "alarm", "tamper"], id="deol"),
        pytest.param(Deol(**DEOL_2K2_4K7, open_is="open"), ["short", "normal", "alarm", "open"], id="deol-said"),
        pytest.param(
            Teol(**TEOL_2K2_2K2_4K7), ["short", "normal", "fault", "alarm", "tamper", "tamper"], id="teol-texecom"
        ),
        pytest.param(
            Teol(**TEOL_1K_1K_3K), ["short", "normal", "alarm", "fault", "tamper", "tamper"], id="teol-honeywell"
        ),
    ],
)
def test_each_state_of_a_wiring_has_a_zone(wiring: Seol | Deol | Teol, zones: list[str]) -> None:
    assert [band.zone for band in bands(Loop(channel=1, wiring=wiring))] == zones


def test_bands_meet_between_what_the_neighbours_may_read_and_leave_no_gap() -> None:
    wiring = Deol(**DEOL_2K2_4K7, tolerance_percent=5)
    states, found = loop_states(wiring), bands(Loop(channel=1, wiring=wiring))

    assert [below.below_volts for below in found[:-1]] == [above.from_volts for above in found[1:]]
    assert (found[0].from_volts, found[-1].below_volts) == (float("-inf"), float("inf"))
    for state, band in zip(states, found, strict=True):
        assert band.from_volts < state.lowest <= state.volts <= state.highest < band.below_volts


@pytest.mark.parametrize(
    ("settings", "bits", "gain", "expected"),
    [
        pytest.param({"tolerance_percent": 5}, 12, 1, "alarm (2.55 V) and masked (2.78 V)", id="tolerance"),
        pytest.param({"hysteresis_volts": 0.1}, 12, 1, "expected at least 205 mV", id="hysteresis"),
        pytest.param({}, 12, 2, "masked (2.78 V) and open", id="clipped-by-the-gain"),
    ],
)
def test_states_too_close_are_told_with_their_margin(
    settings: dict[str, float], bits: int, gain: int, expected: str
) -> None:
    hysteresis = {"hysteresis_volts": settings.pop("hysteresis_volts")} if "hysteresis_volts" in settings else {}
    loop = Loop(channel=1, wiring=Teol(**TEOL_2K2_2K2_4K7, open_is="open", **settings), **hysteresis)

    texts = list(too_close(loop, bits, gain))

    assert any(expected in text and "have a margin of" in text for text in texts)


def test_bands_as_given_reach_beyond_what_can_be_read_at_both_ends() -> None:
    loop = Loop(channel=1, zones={"normal": Band(below_volts=2.0), "alarm": Band(from_volts=2.0)})

    normal, alarm = bands(loop)

    assert (normal.from_volts, alarm.below_volts) == (float("-inf"), float("inf"))
