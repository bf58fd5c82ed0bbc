"""The thread of a source that speaks by itself, run here in virtual time."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from picket_collectors.outcome import Failed, Measured, Outcome
from picket_collectors.receiver import Receiver
from picket_collectors.source import Part, Site, SourceError


class Bridge:
    """A stream that is played: parts come, or an error is raised; a second passes each time."""

    def __init__(self, time: Any, played: list[Any]) -> None:
        self.time = time
        self.played = played
        self.opened = self.closed = 0

    def open(self) -> "Bridge":
        self.opened += 1
        return self

    def receive(self) -> Sequence[Part]:
        self.time.now += 1
        heard = self.played.pop(0) if self.played else []
        if isinstance(heard, BaseException):
            raise heard
        return heard

    def figures(self) -> Mapping[str, float]:
        return {"opened": self.opened}

    def close(self) -> None:
        self.closed += 1


def play(site: Site, time: Any, bridge: Bridge, seconds: float) -> list[Outcome]:
    outcomes: list[Outcome] = []
    time.stop_at = time.now + seconds
    open_stream: Callable[[], Any] = bridge.open
    Receiver(open_stream, 10, site, outcomes.append, wall_ns=lambda: int(time.now * 1e9)).run()
    return outcomes


def lamp(power_w: float) -> Part:
    return Part("lamp", "energy", {"power_w": power_w})


def test_what_comes_is_handed_over_once_an_interval(site: Site, time: Any) -> None:
    bridge = Bridge(time, [[lamp(second)] for second in range(15)])

    outcomes = play(site, time, bridge, 15)

    powers = [part.values["power_w"] for outcome in outcomes if isinstance(outcome, Measured) for part in outcome.parts]
    assert powers == [0, 10]
    assert (bridge.opened, bridge.closed) == (1, 1)


def test_a_stream_that_is_silent_is_no_failure_and_no_hang(site: Site, time: Any) -> None:
    outcomes = play(site, time, Bridge(time, []), 30)

    assert len(outcomes) >= 30
    assert all(isinstance(outcome, Measured) and not outcome.parts for outcome in outcomes)


def test_a_stream_that_fails_is_opened_anew_ever_later(site: Site, time: Any) -> None:
    bridge = Bridge(time, [SourceError("broker lost")] * 3)

    outcomes = play(site, time, bridge, 45)

    assert [outcome.next_seconds for outcome in outcomes if isinstance(outcome, Failed)] == [5, 10, 20]
    assert bridge.opened == bridge.closed == 4
    assert isinstance(outcomes[-1], Measured)


def test_what_waits_for_its_interval_outlives_a_failure_and_keeps_its_time(site: Site, time: Any) -> None:
    bridge = Bridge(time, [[lamp(1)], [lamp(2)], OSError("broken"), []])

    outcomes = play(site, time, bridge, 20)

    parts = [part for outcome in outcomes if isinstance(outcome, Measured) for part in outcome.parts]
    assert [(part.values["power_w"], part.time_ns / 1e9) for part in parts] == [(1, 1001), (2, 1002)]


def test_what_a_part_kept_through_an_outage_is_paced_by_when_it_was_measured(site: Site, time: Any) -> None:
    time.now = 1100
    kept = [lamp(second)._replace(time_ns=second * 1_000_000_000) for second in range(1000, 1100, 5)]

    outcomes = play(site, time, Bridge(time, [kept]), 5)

    powers = [part.values["power_w"] for outcome in outcomes if isinstance(outcome, Measured) for part in outcome.parts]
    assert powers == [*range(1000, 1100, 10), 1095]


def test_a_stream_that_stays_away_is_tried_every_half_minute(site: Site, time: Any) -> None:
    outcomes = play(site, time, Bridge(time, [OSError("away")] * 20), 1000)

    waits = [outcome.next_seconds for outcome in outcomes if isinstance(outcome, Failed)]
    assert waits[:5] == [5, 10, 20, 30, 30]
