"""What each message is in InfluxDB."""

from datetime import UTC, datetime

import pytest

from picket.errors import WireError
from picket.messages import (
    Fault,
    InputEvent,
    InputState,
    Message,
    OutputResult,
    OutputState,
    Reading,
    ThresholdEvent,
    decode,
    encode,
)
from picket_recorder.points import TOPICS, line

TIME = 1_700_000_000_123_456_000
AT = datetime(2023, 11, 14, tzinfo=UTC)


def event(**changes: object) -> InputEvent:
    fields: dict[str, object] = {
        "id": "a1",
        "type": "new",
        "input": "hall",
        "zone": "alarm",
        "began_at": AT,
        "why": "2 pulses in 5 s",
        "pulses": 2,
        "peak_volts": 2.41,
    }
    return InputEvent(time_ns=TIME, device="demo", seq=7, **{**fields, **changes})  # type: ignore[arg-type]


def reading(**values: float | None) -> Reading:
    return Reading(time_ns=TIME, device="demo", source="sds011", kind="air", values=values)


def threshold(**changes: object) -> ThresholdEvent:
    fields: dict[str, object] = {
        "id": "t1",
        "type": "new",
        "threshold": "warm",
        "source": "attic",
        "quantity": "temperature_c",
        "began_at": AT,
        "why": "above 30 for 60 s",
    }
    return ThresholdEvent(time_ns=TIME, device="demo", seq=8, **{**fields, **changes})  # type: ignore[arg-type]


ROWS = [
    pytest.param(
        event(),
        "input,device=demo,input=hall,zone=alarm,type=new "
        f'active=1.0,pulses=2.0,peak_volts=2.41,id="a1",why="2 pulses in 5 s" {TIME + 7}',
        id="motion-begins",
    ),
    pytest.param(
        event(type="end", peak_volts=None, why='"quiet"\\'),
        "input,device=demo,input=hall,zone=alarm,type=end "
        f'active=0.0,pulses=2.0,id="a1",why="\\"quiet\\"\\\\" {TIME + 7}',
        id="motion-ends-without-a-peak",
    ),
    pytest.param(
        threshold(value=31.5),
        "threshold,device=demo,threshold=warm,source=attic,type=new "
        f'active=1.0,value=31.5,quantity="temperature_c",id="t1",why="above 30 for 60 s" {TIME + 8}',
        id="a-value-went-past-a-threshold",
    ),
    pytest.param(
        threshold(type="end", value=None, ended_at=AT, why="the source is silent"),
        "threshold,device=demo,threshold=warm,source=attic,type=end "
        f'active=0.0,quantity="temperature_c",id="t1",why="the source is silent" {TIME + 8}',
        id="a-threshold-ends-without-a-value",
    ),
    pytest.param(
        OutputState(time_ns=TIME, device="demo", output="siren", state="ON", why="command"),
        f"output,device=demo,output=siren state=1.0 {TIME}",
        id="output-on",
    ),
    pytest.param(
        OutputState(time_ns=TIME, device="demo", output="siren", state="OFF", why="time is up"),
        f"output,device=demo,output=siren state=0.0 {TIME}",
        id="output-off",
    ),
    pytest.param(
        OutputResult(
            time_ns=TIME,
            device="demo",
            id="c1",
            output="door",
            accepted=True,
            reason="",
            state="ON",
            latency_ms=3.0,
            origin="rule hall, night=1",
        ),
        "command,device=demo,output=door,origin=rule\\ hall\\,\\ night\\=1 "
        f'accepted=1.0,latency_ms=3.0,id="c1",reason="" {TIME}',
        id="command-accepted",
    ),
    pytest.param(
        OutputResult(
            time_ns=TIME, device="demo", id="c2", output="door", accepted=False, reason="too late", state="OFF"
        ),
        f'command,device=demo,output=door accepted=0.0,id="c2",reason="too late" {TIME}',
        id="command-refused-of-nobody",
    ),
    pytest.param(
        decode("reading.sds011", encode(reading(pm25=21, pm10=1e-7))),
        f"air,device=demo,source=sds011 pm25=21.0,pm10=1e-07 {TIME}",
        id="numbers-stay-floats",
    ),
    pytest.param(
        reading(pm25=None, pm10=3.5),
        f"air,device=demo,source=sds011 pm10=3.5 {TIME}",
        id="unknown-is-left-out",
    ),
    pytest.param(reading(pm25=None), None, id="nothing-known-is-no-point"),
    pytest.param(
        Fault(time_ns=TIME, device="demo", service="relay", subject="io main", state="begin", text="no\nanswer"),
        f'fault,device=demo,service=relay,state=begin subject="io main",text="no\nanswer" {TIME}',
        id="fault",
    ),
    pytest.param(
        InputState(time_ns=TIME, device="demo", input="hall", motion="ON", zone="alarm"),
        None,
        id="states-of-inputs-are-in-their-events",
    ),
]


@pytest.mark.parametrize(("message", "written"), ROWS)
def test_a_message_is_one_line(message: Message, written: str | None) -> None:
    assert line(message) == written


def test_the_last_three_digits_of_the_time_are_those_of_the_number() -> None:
    message = Reading(time_ns=TIME + 789, seq=12_345, source="x", kind="air", values={"t": 1.0})

    assert line(message) == f"air,source=x t=1.0 {TIME + 345}"


@pytest.mark.parametrize(
    ("name", "written"),
    [
        pytest.param("a b,c=d", r"a\ b\,c\=d", id="separators"),
        pytest.param("C:\\,x", r"C:/\,x", id="backslash-can-not-be-written-before-a-comma"),
        pytest.param("two\nlines", r"two\ lines", id="a-line-ends-with-its-point"),
    ],
)
def test_names_can_not_break_out_of_the_line(name: str, written: str) -> None:
    message = Reading(time_ns=1_000, device="demo", source=name, kind="air", values={"x": 1.0})

    assert line(message) == f"air,device=demo,source={written} x=1.0 1000"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"kind": ""}, id="no-kind"),
        pytest.param({"values": {"": 1.0}}, id="a-value-without-a-name"),
        pytest.param({"kind": "#air"}, id="a-comment"),
        pytest.param({"time_ns": -1}, id="before-1970"),
        pytest.param({"time_ns": 2**63}, id="after-all-times"),
    ],
)
def test_what_no_line_can_say_is_an_error(changes: dict[str, object]) -> None:
    fields: dict[str, object] = {"time_ns": TIME, "source": "x", "kind": "air", "values": {"t": 1.0}}

    with pytest.raises(WireError):
        line(Reading(**{**fields, **changes}))  # type: ignore[arg-type]


def test_all_that_is_a_point_is_read() -> None:
    kinds = {type(row.values[0]) for row in ROWS if row.values[1]}

    assert {topic.rstrip(".") for topic in TOPICS} == {
        "event.input", "event.threshold", "output.state", "output.result", "reading", "fault",
    }  # fmt: skip
    assert len(kinds) == len(TOPICS)
