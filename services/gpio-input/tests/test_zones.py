import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picket.config.schema import Band, Deol, Loop, Seol, Teol
from picket.config.wiring import LOAD_OHMS, loop_states, too_close
from picket_gpio_input.filter.zones import LoopSignal

BANDS = Loop(
    channel=5,
    zones={
        "short": Band(below_volts=0.4),
        "normal": Band(from_volts=0.4, below_volts=2.0),
        "alarm": Band(from_volts=2.0, below_volts=3.2),
        "tamper": Band(from_volts=3.2, below_volts=4.6),
    },
    debounce_seconds=0.3,
)


@pytest.mark.parametrize(
    ("volts", "zone"), [(1.2, "normal"), (2.5, "alarm"), (0.1, "short"), (4.0, "tamper"), (4.9, "fault")]
)
def test_a_loops_bands_are_zones(volts: float, zone: str) -> None:
    signal = LoopSignal(BANDS)
    signal.update(1.2, 0)
    signal.update(volts, 1)

    assert signal.update(volts, 2).zone == zone


def test_a_loop_between_two_bands_does_not_chatter() -> None:
    signal = LoopSignal(BANDS)
    signal.update(1.9, 0)

    assert {signal.update(2.0 + noise, 1 + n).zone for n, noise in enumerate([0.02, -0.02, 0.03])} == {"normal"}


def test_a_tamper_shorter_than_the_debounce_is_none() -> None:
    signal = LoopSignal(BANDS)
    signal.update(1.2, 0)

    assert [signal.update(v, now).zone for v, now in ((4.0, 1), (4.0, 1.2), (1.2, 1.25), (4.0, 1.3))] == ["normal"] * 4


def test_how_far_a_band_goes_on_is_a_setting() -> None:
    signal = LoopSignal(Loop(channel=5, zones=BANDS.zones, hysteresis_volts=0.2))
    signal.update(1.9, 0)

    assert [signal.update(volts, 1).zone for volts in (2.19, 2.21, 1.81, 1.79)] == [
        "normal",
        "alarm",
        "alarm",
        "normal",
    ]


def test_a_short_that_reads_below_zero_is_a_short() -> None:
    signal = LoopSignal(BANDS)
    signal.update(-0.003, 0)

    assert signal.update(-0.003, 1).zone == "short"


TEOL = Teol(end_of_line_ohms=2200, alarm_ohms=4700, fault_ohms=2200)


@pytest.mark.parametrize(
    ("state", "zone", "text"),
    [
        ("normal", "normal", ""),
        ("alarm", "alarm", ""),
        ("fault", "fault", ""),
        ("masked", "tamper", "masked"),
        ("open", "tamper", "open"),
        ("short", "short", ""),
    ],
)
def test_a_wirings_states_are_zones_and_the_text_says_what_the_zone_leaves_out(
    state: str, zone: str, text: str
) -> None:
    volts = {state.name: state.volts for state in loop_states(TEOL)}
    signal = LoopSignal(Loop(channel=5, wiring=TEOL))
    signal.update(volts["normal"], 0)
    signal.update(volts[state], 1)

    meaning = signal.update(volts[state], 2)

    assert (meaning.zone, meaning.text) == (zone, text)


OHMS = st.floats(math.log(300), math.log(30_000)).map(math.exp)
COMMON = {"end_of_line_ohms": OHMS, "pull_up_ohms": OHMS, "tolerance_percent": st.just(5.0)}
WIRINGS = st.one_of(
    st.builds(Seol, **COMMON),
    st.builds(Deol, alarm_ohms=OHMS, **COMMON),
    st.builds(Teol, alarm_ohms=OHMS, fault_ohms=OHMS, **COMMON),
)
SHARE = st.floats(-1, 1)


@settings(max_examples=300, deadline=None)
@given(
    wiring=WIRINGS, hysteresis_volts=st.floats(0, 0.2), shares=st.lists(SHARE, min_size=5, max_size=5), data=st.data()
)
def test_any_wiring_is_refused_or_tells_its_states_apart_with_resistors_a_cable_and_steps_as_they_come(
    wiring: Seol | Deol | Teol, hysteresis_volts: float, shares: list[float], data: st.DataObject
) -> None:
    loop = Loop(channel=1, wiring=wiring, hysteresis_volts=hysteresis_volts)
    if refused := list(too_close(loop, bits=12, gain=1)):
        assert all("have a margin of" in text for text in refused)
        return
    end, alarm, fault, pull_up = (1 + share * 0.05 for share in shares[:4])
    cable_ohms = wiring.cable_ohms * abs(shares[4])
    ohms = {"short": 0.0, "normal": wiring.end_of_line_ohms * end, "open": math.inf}
    if isinstance(wiring, Deol):
        ohms["alarm"] = ohms["normal"] + wiring.alarm_ohms * alarm
    if isinstance(wiring, Teol):
        ohms["fault"] = ohms["normal"] + wiring.fault_ohms * fault
        ohms["masked"] = ohms["alarm"] + wiring.fault_ohms * fault

    def read(state: str) -> float:
        loaded = 1 / (1 / LOAD_OHMS + 1 / max(ohms[state] + cable_ohms, 1e-9))
        step = 5.06 / 2048
        return min(2047, round(5 * loaded / (loaded + wiring.pull_up_ohms * pull_up) / step)) * step

    zones = {state.name: state.zone for state in loop_states(wiring)}
    walk = data.draw(st.lists(st.sampled_from(sorted(zones)), min_size=1, max_size=6))
    signal = LoopSignal(loop)

    for now, state in enumerate(walk):
        signal.update(read(state), now)
        assert signal.update(read(state), now + 0.5).zone == zones[state]
