import math

from picket.config.schema import AnalogPir, Band, Loop
from picket_gpio_input.detector import Detector
from picket_gpio_input.episodes import Episodes
from picket_gpio_input.replay import replay
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

    findings = [finding for _, finding in replay(detector, [*walk(seed=3), *quiet_after])]

    assert [finding.verdict.type for finding in findings] == ["new", "end"]
    assert "pulses in" in findings[0].verdict.why


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
