import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.config.schema import AnalogPir, Band, DigitalPir, Input, Loop
from picket_gpio_input.filter.detector import Detector
from picket_gpio_input.filter.episodes import Episodes
from picket_simulator.synthesise import walk

LOOP = Loop(
    channel=5,
    zones={
        "normal": Band(below_volts=2.0),
        "alarm": Band(from_volts=2.0, below_volts=3.2),
        "tamper": Band(from_volts=3.2),
    },
)


def test_a_walk_past_an_analog_pir_is_one_episode() -> None:
    detector = Detector(AnalogPir(channel=1), warm=True)
    quiet_after = [(10 + n / 100, 2.5) for n in range(300)]

    findings = [f for t, volts in [*walk(seed=3), *quiet_after] for f in detector.update(volts, t)]

    assert [finding.verdict.type for finding in findings] == ["new", "end"]
    assert "V s (asked: 0.09 V s beyond 0.2 V)" in findings[0].verdict.why


def test_a_cut_wire_is_trouble_with_a_life_of_its_own() -> None:
    detector = Detector(LOOP)
    volts = [(0, 1.0), (1, 4.0), (2, 4.0), (3, 1.0)]

    findings = [(f.zone, f.verdict.type) for t, v in volts for f in detector.update(v, t)]

    assert findings == [("tamper", "new"), ("tamper", "end")]
    assert detector.zone == "normal"


def test_a_lost_chip_ends_motion_and_begins_a_fault_until_samples_come_again() -> None:
    detector = Detector(LOOP)
    detector.update(2.5, 0)
    detector.update(2.5, 1)

    lost = [(f.zone, f.verdict.type) for f in detector.lose("ADC 0x68 does not answer", 2)]
    again = [(f.zone, f.verdict.type) for f in detector.update(1.0, 3)]

    assert lost == [("fault", "new"), ("alarm", "end")]
    assert again == [("fault", "end")]


def test_a_sample_that_is_no_number_is_passed_over() -> None:
    detector = Detector(AnalogPir(channel=1), warm=True)

    assert detector.update(math.nan, 0) == []
    assert detector.update(-0.1, 1) == []


def test_all_events_of_an_episode_bear_one_id_and_the_edges_own_time() -> None:
    detector, episodes = Detector(LOOP), Episodes("garage", lambda t: 10**18 + int(t * 1e9))
    findings = [f for t, v in [(0, 1.0), (1, 2.5), (1.5, 2.5), (2, 1.0), (5, 1.0)] for f in detector.update(v, t)]

    began, ended = (episodes.event(finding) for finding in findings)

    assert began and ended and began.id == ended.id
    assert began.time_ns == 10**18 + 1_500_000_000
    assert (ended.ended_at - ended.began_at).total_seconds() == 4.0


def test_a_chattering_contact_is_a_fault_and_no_motion() -> None:
    detector = Detector(DigitalPir(channel=6), warm=True)
    chatter = [(n / 50, 3.3 * (n % 2)) for n in range(150)]

    findings = [f for t, v in [*chatter, (3.1, 0.0), (20.0, 0.0)] for f in detector.update(v, t)]

    told = [(f.zone, f.verdict.type) for f in findings if f.verdict.type != "suppressed"]
    assert told == [("fault", "new"), ("fault", "end")]


VOLTS = st.floats(-1, 6) | st.sampled_from([0.0, 2.5, 5.058, math.nan, math.inf, -math.inf])
SECONDS = st.sampled_from([0.01, 0.017, 0.13]) | st.floats(-2, 5) | st.floats(0, 100_000)


@pytest.mark.parametrize(
    "settings",
    [AnalogPir(channel=1), AnalogPir(channel=1, pulses=3), DigitalPir(channel=1, swinger_trips=2), LOOP],
    ids=["analog", "analog-3-pulses", "digital", "loop"],
)
@given(samples=st.lists(st.tuples(SECONDS, VOLTS), max_size=150), warm=st.booleans())
def test_every_new_has_an_end_whatever_volts_and_time_do(
    settings: Input, samples: list[tuple[float, float]], warm: bool
) -> None:
    detector, episodes = Detector(settings, warm=warm), Episodes("hall", lambda t: int(t * 1e9))
    times = accumulate(step for step, _ in samples)
    findings = [f for now, (_, volts) in zip(times, samples, strict=True) for f in detector.update(volts, now)]
    findings += detector.close("the test is over", 0.0)

    going: set[str] = set()
    for finding in findings:
        zone, verdict = finding
        assert verdict.why
        assert math.isfinite(verdict.peak)
        assert (zone in going) == (verdict.type in ("update", "end")) or verdict.type == "suppressed"
        going = going | {zone} if verdict.type == "new" else going - {zone} if verdict.type == "end" else going
        episodes.event(finding)
    assert not going
    assert detector.motion == "OFF"


@given(noise=st.lists(st.floats(-0.19, 0.19), min_size=2, max_size=300), rest=st.floats(0.5, 4.5))
def test_nothing_is_told_of_a_signal_that_stays_by_its_rest(noise: list[float], rest: float) -> None:
    detector = Detector(AnalogPir(channel=1), warm=True)
    detector.update(rest, 0.0)

    within = [rest + v / 2 for v in noise]  # the first sample is the rest, and it moves

    assert not [f for n, volts in enumerate(within) for f in detector.update(volts, (n + 1) / 60)]


@given(held=st.floats(0.6, 4.8), rest=st.floats(0.6, 4.8), seconds=st.floats(0.1, 0.5))
def test_a_step_to_one_side_and_back_is_no_motion(held: float, rest: float, seconds: float) -> None:
    detector = Detector(AnalogPir(channel=1), warm=True)
    volts = [rest] * 120 + [held] * int(seconds * 60) + [rest] * 120

    findings = [f for n, v in enumerate(volts) for f in detector.update(v, n / 60)]

    assert not [f for f in findings if f.verdict.type != "suppressed"]
