"""The sensor's own thread, run here in virtual time."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import pytest

from picket_collectors.outcome import Failed, Measured, Outcome
from picket_collectors.sampler import Sampler
from picket_collectors.source import AskedToWaitError, Site, SourceError, Stopped


class Thermometer:
    """A sensor whose samples are played: a number is measured, an error raised."""

    def __init__(self, samples: list[Any]) -> None:
        self.samples = samples
        self.opened = self.closed = 0

    def open(self) -> "Thermometer":
        self.opened += 1
        return self

    def sample(self) -> Mapping[str, float | None]:
        sample = self.samples.pop(0) if self.samples else 20.0
        if isinstance(sample, BaseException):
            raise sample
        return {"temperature_c": sample}

    def figures(self) -> Mapping[str, float]:
        return {"opened": self.opened}

    def close(self) -> None:
        self.closed += 1


def play(site: Site, time: Any, thermometer: Thermometer, seconds: float) -> list[Outcome]:
    outcomes: list[Outcome] = []
    time.stop_at = time.now + seconds
    open_source: Callable[[], Any] = thermometer.open
    Sampler(open_source, "climate", 10, site, outcomes.append, wall_ns=lambda: int(time.now * 1e9)).run()
    return outcomes


def test_a_source_is_opened_once_and_sampled_every_interval(site: Site, time: Any) -> None:
    thermometer = Thermometer([21.0, 22.0, 23.0])

    outcomes = play(site, time, thermometer, 25)

    assert [o.parts[0].values["temperature_c"] for o in outcomes if isinstance(o, Measured)] == [21.0, 22.0, 23.0]
    assert [round((b.time_ns - a.time_ns) / 1e9, 3) for a, b in pairwise(outcomes)] == [10, 10]
    assert (thermometer.opened, thermometer.closed) == (1, 1)


def test_a_source_that_fails_is_closed_and_opened_anew(site: Site, time: Any) -> None:
    thermometer = Thermometer([21.0, SourceError("no answer"), OSError(5, "Input/output error"), 22.0])

    outcomes = play(site, time, thermometer, 35)

    kinds = [type(outcome) for outcome in outcomes]
    assert kinds[:4] == [Measured, Failed, Failed, Measured]
    assert thermometer.opened == thermometer.closed == 3


@pytest.mark.parametrize(
    ("error", "text", "with_traceback"),
    [
        pytest.param(SourceError("no answer to 'wake'"), "no answer to 'wake'", False, id="a-sensor's-own"),
        pytest.param(OSError(5, "Input/output error"), "Input/output error", False, id="the-system's"),
        pytest.param(OSError(2, "No such file", "/dev/x"), "/dev/x: No such file", False, id="the-system's-of-a-file"),
        pytest.param(KeyError("temp"), "KeyError: 'temp'", True, id="a-bug"),
    ],
)
def test_what_went_wrong_is_said(site: Site, time: Any, error: Exception, text: str, with_traceback: bool) -> None:
    outcome = play(site, time, Thermometer([error]), 3)[0]

    assert isinstance(outcome, Failed)
    assert outcome.text == text
    assert bool(outcome.traceback) is with_traceback
    assert 4.5 <= outcome.next_seconds <= 5.5


def test_a_port_that_can_not_be_opened_is_tried_again(site: Site, time: Any) -> None:
    outcomes: list[Outcome] = []
    time.stop_at = time.now + 42

    def absent() -> Any:
        raise FileNotFoundError(2, "No such file or directory", "var/sim/air")

    Sampler(absent, "climate", 10, site, outcomes.append).run()

    assert [type(o) for o in outcomes] == [Failed] * 4  # at 0, 5, 15, 35 s


def test_stopping_is_no_failure_and_closes_the_source(site: Site, time: Any) -> None:
    thermometer = Thermometer([Stopped()])

    outcomes = play(site, time, thermometer, 60)

    assert outcomes == []
    assert thermometer.closed == 1


def test_a_source_that_asks_for_it_is_sampled_at_another_interval(site: Site, time: Any) -> None:
    class Restless(Thermometer):
        def interval_seconds(self) -> float:
            return 2.0 if len(self.samples) == 1 else 10.0

    outcomes = play(site, time, Restless([21.0, 22.0, 23.0]), 25)

    assert [round((b.time_ns - a.time_ns) / 1e9, 3) for a, b in pairwise(outcomes)] == [10, 2, 10]


def test_who_asks_to_wait_is_not_asked_before(site: Site, time: Any) -> None:
    busy = AskedToWaitError("429 Too Many Requests", 120)

    outcomes = play(site, time, Thermometer([busy, 21.0]), 130)

    assert isinstance(outcomes[0], Failed) and outcomes[0].next_seconds == pytest.approx(120)
    assert isinstance(outcomes[1], Measured)
