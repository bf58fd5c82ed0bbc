"""What each message is in InfluxDB."""

from datetime import UTC, datetime

import pytest

from picket.errors import WireError
from picket.messages import Fault, InputEvent, InputState, Message, OutputResult, OutputState, Reading, encode
from picket_recorder.points import Point, apart, point

TIME = 1_700_000_000_123_456_789
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


ROWS = [
    pytest.param(
        "event.input.hall",
        event(),
        "input,device=demo,input=hall,zone=alarm,type=new "
        f'active=1.0,pulses=2.0,peak_volts=2.41,id="a1",why="2 pulses in 5 s" {TIME}',
        id="motion-begins",
    ),
    pytest.param(
        "event.input.hall",
        event(type="end", peak_volts=None, why='"quiet"\\'),
        f'input,device=demo,input=hall,zone=alarm,type=end active=0.0,pulses=2.0,id="a1",why="\\"quiet\\"\\\\" {TIME}',
        id="motion-ends-without-a-peak",
    ),
    pytest.param(
        "output.state.siren",
        OutputState(time_ns=TIME, device="demo", output="siren", state="ON", why="command"),
        f"output,device=demo,output=siren state=1.0 {TIME}",
        id="output-on",
    ),
    pytest.param(
        "output.state.siren",
        OutputState(time_ns=TIME, device="demo", output="siren", state="OFF", why="time is up"),
        f"output,device=demo,output=siren state=0.0 {TIME}",
        id="output-off",
    ),
    pytest.param(
        "output.result.door",
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
        "output.result.door",
        OutputResult(
            time_ns=TIME, device="demo", id="c2", output="door", accepted=False, reason="too late", state="OFF"
        ),
        f'command,device=demo,output=door accepted=0.0,id="c2",reason="too late" {TIME}',
        id="command-refused-of-nobody",
    ),
    pytest.param(
        "reading.sds011",
        reading(pm25=21, pm10=1e-7),
        f"air,device=demo,source=sds011 pm25=21.0,pm10=1e-07 {TIME}",
        id="numbers-stay-floats",
    ),
    pytest.param(
        "reading.sds011",
        reading(pm25=None, pm10=3.5),
        f"air,device=demo,source=sds011 pm10=3.5 {TIME}",
        id="unknown-is-left-out",
    ),
    pytest.param("reading.sds011", reading(pm25=None), None, id="nothing-known-is-no-point"),
    pytest.param(
        "fault.relay",
        Fault(time_ns=TIME, device="demo", service="relay", subject="io main", state="begin", text="no\nanswer"),
        f'fault,device=demo,service=relay,state=begin subject="io main",text="no\nanswer" {TIME}',
        id="fault",
    ),
    pytest.param(
        "input.state.hall",
        InputState(time_ns=TIME, device="demo", input="hall", motion="ON", zone="alarm"),
        None,
        id="states-of-inputs-are-in-their-events",
    ),
]


@pytest.mark.parametrize(("topic", "message", "line"), ROWS)
def test_a_message_is_one_line(topic: str, message: Message, line: str | None) -> None:
    made = point(topic, encode(message))

    assert (str(made) if made else None) == line


@pytest.mark.parametrize(
    ("name", "written"),
    [
        pytest.param("a b,c=d", r"a\ b\,c\=d", id="separators"),
        pytest.param("C:\\,x", r"C:/\,x", id="backslash-can-not-be-written-before-a-comma"),
        pytest.param("two\nlines", r"two\ lines", id="a-line-ends-with-its-point"),
    ],
)
def test_names_can_not_break_out_of_the_line(name: str, written: str) -> None:
    message = Reading(time_ns=1, device="demo", source=name, kind="air", values={"x": 1.0})

    made = point("reading.x", encode(message))

    assert str(made) == f"air,device=demo,source={written} x=1.0 1"


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        pytest.param("event.input.hall", b"\xff\x00", id="no-json"),
        pytest.param("event.input.hall", b'{"time_ns": 1}', id="fields-missing"),
        pytest.param("reading.x", b'{"time_ns":1,"source":"x","kind":"a","values":{"t":"warm"}}', id="no-number"),
        pytest.param("nonsense", b"{}", id="no-topic"),
    ],
)
def test_what_is_no_message_is_an_error_and_no_point(topic: str, body: bytes) -> None:
    with pytest.raises(WireError):
        point(topic, body)


def test_two_commands_of_one_moment_do_not_become_one() -> None:
    one, other = Point("command,output=door", 'id="1"', 100), Point("command,output=door", 'id="2"', 100)

    assert apart([one, other]) == [one, other._replace(time_ns=101)]


def test_one_message_delivered_twice_is_one_point() -> None:
    one, other = Point("command,output=door", 'id="1"', 100), Point("command,output=door", 'id="2"', 100)

    assert apart([one, other, one, other]) == apart([one, other])


def test_series_of_one_moment_keep_their_time() -> None:
    points = [Point("output,output=door", "state=1.0", 100), Point("output,output=siren", "state=1.0", 100)]

    assert apart(points) == points
