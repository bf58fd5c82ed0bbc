"""Readings at virtual times, and what is said of them."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.config.schema import Threshold
from picket.messages import Reading, ThresholdEvent
from picket.own_events import Unended
from picket_automation.thresholds import Thresholds

BEGAN_NS = 1_700_000_000_000_000_000
QUANTITY = "temperature_c"


def warm(**settings: float) -> Threshold:
    return Threshold(**{"source": "freezer", "quantity": QUANTITY, "above": -15.0, **settings})  # type: ignore[arg-type]


def reading(value: float | None, now: float, source: str = "freezer") -> Reading:
    return Reading(time_ns=at(now), source=source, kind="air", values={QUANTITY: value})


def at(now: float) -> int:
    return BEGAN_NS + int(now * 1e9)


class Said(NamedTuple):
    now: float
    type: str
    why: str


class Freezer:
    """A freezer with one threshold, judged each second between its readings."""

    def __init__(self, **settings: float) -> None:
        self.thresholds = Thresholds({"freezer_warm": warm(**settings)})
        self.thresholds.settle([], 0, at(0))
        self.now = 0.0
        self.events: list[ThresholdEvent] = []
        self.said: list[Said] = []

    def measure(self, now: float, value: float | None) -> None:
        self.wait(now)
        self._hear(self.thresholds.take(reading(value, now), now))

    def wait(self, until: float) -> None:
        while self.now < until:
            self.now = min(self.now + 1, until)
            self._hear(self.thresholds.tick(self.now))

    def _hear(self, events: list[ThresholdEvent]) -> None:
        self.events += events
        self.said += [Said(self.now, event.type, event.why) for event in events]


def said(readings: list[tuple[float, float | None]], until: float = 0.0, **settings: float) -> list[Said]:
    freezer = Freezer(**settings)
    for now, value in readings:
        freezer.measure(now, value)
    freezer.wait(until)
    return freezer.said


STORIES = [
    pytest.param([(0, -18), (10, -15), (20, -17)], {}, [], id="at-the-threshold-is-not-past-it"),
    pytest.param(
        [(0, -18), (10, -14.5), (20, -10), (30, -15)],
        {},
        [
            (10, "new", "freezer temperature_c was above -15 (peak -14.5)"),
            (30, "end", "freezer temperature_c is -15, no more above -15 (peak -10)"),
        ],
        id="at-once-without-for-seconds",
    ),
    pytest.param(
        [(0, -14), (10, -15.5), (20, -16.9), (30, -14), (40, -17), (50, -16)],
        {"hysteresis": 2},
        [
            (0, "new", "freezer temperature_c was above -15 (peak -14)"),
            (40, "end", "freezer temperature_c is -17, no more above -15 (peak -14)"),
        ],
        id="ends-when-back-by-the-hysteresis",
    ),
    pytest.param([(0, -14), (10, -14), (20, -16), (30, -14)], {"for_seconds": 25}, [], id="a-break-begins-anew"),
    pytest.param(
        [(0, -14), (10, -3.2), (20, -9)],
        {"for_seconds": 15},
        [(15, "new", "freezer temperature_c was above -15 for 15 s (peak -3.2)")],
        id="by-the-clock-between-two-readings",
    ),
    pytest.param(
        [(0, -14), (100, -13)],
        {"for_seconds": 60},
        [(100, "new", "freezer temperature_c was above -15 for 100 s (peak -13)")],
        id="by-the-next-reading-of-a-slow-source",
    ),
    pytest.param([(0, -14)], {"for_seconds": 60}, [], id="one-reading-and-then-silence"),
    pytest.param([(0, -14), (10, -14)], {"for_seconds": 60}, [], id="two-readings-and-then-silence"),
    pytest.param(
        [(0, -14), (10, None), (20, None), (60, None)], {"for_seconds": 50}, [], id="unknown-values-begin-nothing"
    ),
    pytest.param(
        [(0, -14), (10, None), (500, None)],
        {},
        [(0, "new", "freezer temperature_c was above -15 (peak -14)")],
        id="unknown-values-and-silence-end-nothing",
    ),
    pytest.param(
        [(0, -18), (10, -26), (20, -27), (30, -24)],
        {"above": None, "below": -25, "hysteresis": 1},
        [
            (10, "new", "freezer temperature_c was below -25 (peak -26)"),
            (30, "end", "freezer temperature_c is -24, no more below -25 (peak -27)"),
        ],
        id="below",
    ),
]


@pytest.mark.parametrize(("readings", "settings", "expected"), STORIES)
def test_an_alert_begins_and_ends_by_what_was_measured(
    readings: list[tuple[float, float | None]], settings: dict[str, float], expected: list[tuple[float, str, str]]
) -> None:
    assert said(readings, until=1000, **settings) == expected


def test_an_alert_has_the_times_of_its_readings_and_one_id() -> None:
    freezer = Freezer(for_seconds=15)
    for now, value in [(0, -18), (10, -14), (20, -13), (30, -12), (40, -16)]:
        freezer.measure(now, value)

    new, end = freezer.events

    assert (new.began_at.timestamp(), new.time_ns, new.value) == (1_700_000_010, at(25), -13)
    assert (end.ended_at and end.ended_at.timestamp(), end.time_ns, end.value) == (1_700_000_040, at(40), -16)
    assert (new.id, end.began_at) == (end.id, new.began_at)
    assert (new.threshold, new.source, new.quantity) == ("freezer_warm", "freezer", QUANTITY)


def test_another_source_is_none_of_its_business() -> None:
    thresholds = Thresholds({"freezer_warm": warm()})
    thresholds.settle([], 0, at(0))

    assert thresholds.take(reading(20, 1, source="freezer_2"), 1) == []


def test_nothing_is_said_before_it_is_known_what_goes_on() -> None:
    thresholds = Thresholds({"freezer_warm": warm()})
    before = thresholds.take(reading(-10, 1), 1)

    settled = thresholds.settle([], 2, at(2))

    assert before == []
    assert [(event.type, event.began_at.timestamp()) for event in settled] == [("new", 1_700_000_001)]


def test_an_alert_goes_on_after_a_restart_and_ends_with_its_own_id() -> None:
    freezer = Freezer()
    freezer.measure(0, -10)
    restarted = Thresholds({"freezer_warm": warm()})

    still = restarted.settle(freezer.events, 100, at(100)) + restarted.take(reading(-9, 101), 101)
    (end,) = restarted.take(reading(-18, 102), 102)

    assert still == []
    assert (end.id, end.type, end.began_at) == (freezer.events[0].id, "end", freezer.events[0].began_at)
    assert end.why == "freezer temperature_c is -18, no more above -15"  # its peak was another process's to know


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="taken-out"),
        pytest.param({"freezer_warm": Threshold(source="cellar", quantity=QUANTITY, above=9)}, id="of-another-source"),
    ],
)
def test_an_alert_that_nobody_watches_any_more_is_ended(settings: dict[str, Threshold]) -> None:
    freezer = Freezer()
    freezer.measure(0, -10)

    (end,) = Thresholds(settings).settle(freezer.events, 100, at(100))

    assert (end.id, end.type, end.value, end.time_ns) == (freezer.events[0].id, "end", None, at(100))
    assert end.why == "the configuration asks for it no more"


VALUES = st.none() | st.floats(-30, 0)
READINGS = st.lists(st.tuples(st.floats(0.5, 60), VALUES), min_size=1, max_size=40)


@given(steps=READINGS, for_seconds=st.floats(0, 120), hysteresis=st.floats(0, 5))
def test_an_alert_is_always_borne_out_by_what_was_measured(
    steps: list[tuple[float, float | None]], for_seconds: float, hysteresis: float
) -> None:
    freezer = Freezer(for_seconds=for_seconds, hysteresis=hysteresis)
    known: list[tuple[float, float]] = []
    now = 0.0
    for gap, value in steps:
        now += gap
        told = len(freezer.events)
        freezer.wait(now)
        assert all(event.type == "new" for event in freezer.events[told:]), "only a reading ends an alert"
        check_beginnings(freezer.events[told:], known, for_seconds)
        told = len(freezer.events)
        freezer.measure(now, value)
        known += [(now, value)] if value is not None else []
        check_beginnings(freezer.events[told:], known, for_seconds)
        assert all(known[-1][1] <= -15 - hysteresis for event in freezer.events[told:] if event.type == "end")

    kinds = [event.type for event in freezer.events]
    assert kinds == (["new", "end"] * len(kinds))[: len(kinds)]
    assert len({event.id for event in freezer.events}) == (len(kinds) + 1) // 2


def check_beginnings(events: list[ThresholdEvent], known: list[tuple[float, float]], for_seconds: float) -> None:
    for new in events:
        if new.type == "new":
            began = new.began_at.timestamp() - BEGAN_NS / 1e9
            assert all(value > -15 for when, value in known if when >= began - 1e-3)
            assert (new.time_ns - BEGAN_NS) / 1e9 - began >= for_seconds - 1e-3


@given(steps=READINGS, restarts=st.sets(st.integers(0, 40)), hysteresis=st.floats(0, 5))
def test_a_restart_at_any_moment_changes_nothing_of_what_is_said(
    steps: list[tuple[float, float | None]], restarts: set[int], hysteresis: float
) -> None:
    settings = {"freezer_warm": warm(hysteresis=hysteresis)}
    steady, restarted = Thresholds(settings), Thresholds(settings)
    journals: tuple[list[ThresholdEvent], list[ThresholdEvent]] = [], []
    for thresholds in (steady, restarted):
        thresholds.settle([], 0, at(0))
    now = 0.0
    for index, (gap, value) in enumerate(steps):
        now += gap
        if index in restarts:
            restarted = Thresholds(settings)
            restarted.settle(unended(journals[1]).events(), now, at(now))
        for thresholds, journal in zip((steady, restarted), journals, strict=True):
            journal += thresholds.take(reading(value, now), now)

    without_why = [[(e.id, e.type, e.time_ns, e.value, e.began_at) for e in journal] for journal in journals]
    assert without_why[0] == without_why[1]


def unended(journal: list[ThresholdEvent]) -> Unended[ThresholdEvent]:
    found = Unended[ThresholdEvent]()
    for number, event in enumerate(journal, 1):
        found.read(event, number)
    return found


def test_what_goes_on_is_left_for_the_next_process_to_read() -> None:
    freezer = Freezer()
    for now, value in [(0, -10), (10, -20), (20, -10), (30, -20), (40, -10)]:
        freezer.measure(now, value)

    found = unended(freezer.events)
    again = found.events()
    for number, event in enumerate(freezer.events, 1):
        found.read(event, number)

    assert [event.began_at.timestamp() for event in found.events()] == [1_700_000_040]
    assert (found.events(), found.settled(9)) == (again, 4)
    assert unended(freezer.events[:4]).settled(9) == 9
