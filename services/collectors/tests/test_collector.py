"""What the loop does with what the sampler hands over."""

import math
from typing import Any

import msgspec
import pytest

from picket.health import HealthBeat
from picket.messages import Fault, Health, Message, Reading
from picket_collectors.collector import HANG_SECONDS, MOST_PARTS, Collector
from picket_collectors.outcome import Failed, Measured
from picket_collectors.source import Part, SourceError

RANGES = {"temperature_c": (-40.0, 125.0), "humidity_percent": (0.0, 100.0)}


class FakeHub:
    """Keeps what a producer is given."""

    pending = dropped = 0

    def __init__(self) -> None:
        self.messages: list[tuple[str, Message]] = []

    def publish(self, topic: str, message: Message) -> None:
        self.messages.append((topic, message))

    def of(self, kind: type[Message]) -> list[Any]:
        return [message for _, message in self.messages if isinstance(message, kind)]


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def health(hub: FakeHub) -> HealthBeat:
    return HealthBeat("collectors.attic", hub)  # type: ignore[arg-type]


@pytest.fixture
def collector(hub: FakeHub, health: HealthBeat) -> Collector:
    return Collector("attic", RANGES, hub, health, others={"attic_lamp"})  # type: ignore[arg-type]


def measured(**values: float | None) -> Measured:
    return of(Part("", "climate", values))


def of(*parts: Part) -> Measured:
    return Measured(1_700_000_000_000_000_000, parts, {"opened": 1}, 10.0)


def failed(text: str = "no answer") -> Failed:
    return Failed(text, "", 5.0)


def test_a_sample_becomes_a_reading(collector: Collector, hub: FakeHub) -> None:
    collector.take(measured(temperature_c=21, humidity_percent=None), now=0.0)

    topic, reading = hub.messages[0]
    assert topic == "reading.attic"
    assert isinstance(reading, Reading)
    assert (reading.source, reading.kind, reading.time_ns) == ("attic", "climate", 1_700_000_000_000_000_000)
    assert reading.values == {"temperature_c": 21.0, "humidity_percent": None}
    assert b'"temperature_c":21.0' in msgspec.json.encode(reading)


@pytest.mark.parametrize("value", [math.nan, math.inf, -40.1, 126, 1e9], ids=str)
def test_what_can_not_be_true_is_unknown(collector: Collector, hub: FakeHub, value: float) -> None:
    collector.take(measured(temperature_c=value, humidity_percent=50.0), now=0.0)

    assert hub.of(Reading)[0].values == {"temperature_c": None, "humidity_percent": 50.0}
    assert collector.implausible == 1
    assert [(f.subject, f.state) for f in hub.of(Fault)] == [("temperature_c", "begin")]


def test_implausible_values_are_said_once_and_so_is_their_return(
    collector: Collector, hub: FakeHub, caplog: pytest.LogCaptureFixture
) -> None:
    for value in (999, 998, 21, 22):
        collector.take(measured(temperature_c=value), now=0.0)

    assert [f.text for f in hub.of(Fault)] == ["999 is not plausible: expected -40 to 125", "21 is plausible again"]
    assert caplog.messages == ["temperature_c: 999 is not plausible: expected -40 to 125"]


def test_a_source_that_fails_is_said_once_and_so_is_its_return(collector: Collector, hub: FakeHub) -> None:
    for outcome in (measured(temperature_c=21), failed("unplugged"), failed("absent"), measured(temperature_c=21)):
        collector.take(outcome, now=0.0)

    assert [(f.subject, f.state, f.text) for f in hub.of(Fault)] == [
        ("source", "begin", "unplugged"),
        ("source", "end", "works again"),
    ]
    assert (collector.samples, collector.failures) == (2, 2)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        pytest.param([failed("absent"), measured(temperature_c=21)], [], id="it-comes-a-moment-later"),
        pytest.param([failed("absent"), failed("no answer")], ["no answer"], id="it-does-not-come"),
        pytest.param([Failed("asks for an hour", "", 3600.0)], ["asks for an hour"], id="it-is-not-tried-again-soon"),
    ],
)
def test_a_source_that_comes_a_moment_later_than_its_collector_is_no_fault(
    collector: Collector, hub: FakeHub, outcomes: list[Any], said: list[str]
) -> None:
    for outcome in outcomes:
        collector.take(outcome, now=0.0)

    assert [fault.text for fault in hub.of(Fault)] == said


def test_a_part_is_a_source_of_its_own(collector: Collector, hub: FakeHub) -> None:
    collector.take(
        of(Part("plug", "energy", {"power_w": 12}), Part("shed", "climate", {"temperature_c": 999})), now=0.0
    )

    assert [(r.source, r.kind, r.values) for r in hub.of(Reading)] == [
        ("attic_plug", "energy", {"power_w": 12.0}),
        ("attic_shed", "climate", {"temperature_c": None}),
    ]
    assert [f.subject for f in hub.of(Fault)] == ["shed.temperature_c"]


def test_a_part_that_fails_is_said_once_and_touches_no_other(collector: Collector, hub: FakeHub) -> None:
    lamp, lost = Part("lamp_2", "energy", {"power_w": 1}), Part("plug", "energy", fault="offline")
    for parts in ((lost, lamp), (lost, lamp), (Part("plug", "energy", {"power_w": 2}),)):
        collector.take(of(*parts), now=0.0)

    assert [(f.subject, f.state, f.text) for f in hub.of(Fault)] == [
        ("plug", "begin", "offline"),
        ("plug", "end", "works again"),
    ]
    assert [r.source for r in hub.of(Reading)] == ["attic_lamp_2", "attic_lamp_2", "attic_plug"]


def test_a_part_may_be_at_fault_and_measure_all_the_same(collector: Collector, hub: FakeHub) -> None:
    for fault in ("humidity_percent: expected a number", "", ""):
        collector.take(of(Part("shed", "node", {"temperature_c": 21}, fault)), now=0.0)

    assert [f.state for f in hub.of(Fault)] == ["begin", "end"]
    assert len(hub.of(Reading)) == 3


def test_a_part_that_knows_when_it_measured_is_believed(collector: Collector, hub: FakeHub) -> None:
    collector.take(of(Part("shed", "node", {"temperature_c": 21}, time_ns=1_600_000_000_000_000_000)), now=0.0)

    assert [r.time_ns for r in hub.of(Reading)] == [1_600_000_000_000_000_000]


def test_a_part_that_is_gone_takes_all_its_faults_with_it(collector: Collector, hub: FakeHub) -> None:
    collector.take(of(Part("old", "climate", {"temperature_c": 1000})), now=0.0)
    collector.take(of(Part("old", "climate", fault="offline"), Part("older", "climate", fault="offline")), now=1.0)
    collector.take(of(Part("old", "climate")), now=2.0)

    assert [(f.subject, f.state) for f in hub.of(Fault)][-2:] == [("old", "end"), ("old.temperature_c", "end")]
    assert len(hub.of(Reading)) == 1


def test_a_part_takes_no_other_collector_s_name(collector: Collector, hub: FakeHub) -> None:
    collector.take(of(Part("lamp", "energy", {"power_w": 1})), now=0.0)

    assert not hub.of(Reading)
    assert [f.text for f in hub.of(Fault)] == ["attic_lamp is another collector's name: rename one of them"]


@pytest.mark.parametrize("name", ["source", "parts", "crash", "configuration"])
def test_a_part_s_fault_is_none_of_the_frame_s(collector: Collector, hub: FakeHub, name: str) -> None:
    offline, back = Part(name, "node", fault="offline"), Part(name, "node", {name: math.nan})
    for outcome in (failed(), failed(), of(offline), of(offline), of(back), of(Part(name, "node"))):
        collector.take(outcome, now=0.0)

    assert [(f.subject, f.state) for f in hub.of(Fault)] == [
        ("source", "begin"),
        ("source", "end"),
        (f"one named {name}", "begin"),
        (f"one named {name}", "end"),
        (f"{name}.{name}", "begin"),
        (f"{name}.{name}", "end"),
    ]


def test_a_value_s_fault_is_none_of_the_frame_s(collector: Collector, hub: FakeHub) -> None:
    for _ in range(2):
        collector.take(measured(source=math.nan), now=0.0)

    assert [(f.subject, f.state) for f in hub.of(Fault)] == [("one named source", "begin")]


def test_parts_without_end_do_not_fill_the_bus(collector: Collector, hub: FakeHub) -> None:
    collector.take(of(*(Part(f"node_{n}", "climate", {"temperature_c": 20}) for n in range(MOST_PARTS + 2))), now=0.0)

    assert len(hub.of(Reading)) == MOST_PARTS
    assert [f.subject for f in hub.of(Fault)] == ["parts"]


def test_the_beat_says_what_is_at_fault(collector: Collector, hub: FakeHub, health: HealthBeat) -> None:
    for outcome in (measured(temperature_c=21), failed("unplugged")):
        collector.take(outcome, now=0.0)

    health.beat()

    (beat,) = hub.of(Health)
    assert (beat.state, beat.faults) == ("degraded", {"source": "unplugged"})


@pytest.mark.parametrize(
    ("outcome", "patience"),
    [
        pytest.param(None, HANG_SECONDS, id="at-the-start"),
        pytest.param(measured(temperature_c=21), 10 + HANG_SECONDS, id="after-a-sample"),
        pytest.param(failed(), 5 + HANG_SECONDS, id="after-a-failure"),
    ],
)
def test_a_sampler_that_hangs_ends_the_process(collector: Collector, outcome: Any, patience: float) -> None:
    if outcome:
        collector.take(outcome, now=1000.0)
    collector.watch(1000.0)

    collector.watch(1000.0 + patience)
    with pytest.raises(SourceError, match="hangs"):
        collector.watch(1000.1 + patience)
