import math

import msgspec
import pytest

from picket.messages import Health, InputState, Message, OutputState, Reading, encode
from picket_gateway.delivery import destination
from picket_gateway.states import retained

AT_NS = 1_700_000_000_000_000_000

CASES = [
    pytest.param(
        "input.state.hall",
        InputState(time_ns=AT_NS, input="hall", motion="ON", zone="alarm"),
        [("input/hall/state", b"ON"), ("input/hall/zone", b"alarm")],
        id="input",
    ),
    pytest.param(
        "output.state.siren",
        OutputState(time_ns=AT_NS, output="siren", state="OFF", why="failsafe"),
        [("output/siren/state", b"OFF"), ("output/siren/counters", b'{"switches":0,"on_seconds":0.0}')],
        id="output",
    ),
    pytest.param(
        "reading.air",
        Reading(time_ns=AT_NS, source="air", kind="air", values={"pm25": 3.5, "pm10": None}),
        [("sensor/air/state", b'{"time":"2023-11-14T22:13:20Z","kind":"air","pm25":3.5,"pm10":null}')],
        id="reading",
    ),
    pytest.param(
        "health.hub",
        Health(time_ns=AT_NS, service="hub", state="ok", uptime_seconds=1, faults={}, figures={}),
        [],
        id="nothing-of-health",
    ),
    pytest.param(
        "input.state.a/b", InputState(time_ns=AT_NS, input="a/b", motion="ON", zone="alarm"), [], id="no-level"
    ),
    pytest.param("input.state.#", InputState(time_ns=AT_NS, input="#", motion="ON", zone="alarm"), [], id="a-wildcard"),
]


@pytest.mark.parametrize(("topic", "message", "expected"), CASES)
def test_a_live_message_becomes_retained_states(
    topic: str, message: Message, expected: list[tuple[str, bytes]]
) -> None:
    assert [(state.topic, state.payload) for state in retained(topic, message)] == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null(value: float) -> None:
    reading = Reading(time_ns=AT_NS, source="air", kind="air", values={"pm25": value})

    (state,) = retained("reading.air", msgspec.json.decode(encode(reading), type=Reading))

    assert b'"pm25":null' in state.payload


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("event.input.hall", "event"),
        ("event.threshold.freezer_warm", "event"),
        ("event.threshold.a/b", None),
        ("output.result.siren", "output/siren/result"),
        ("output.result.a+b", None),
        ("output.result.", None),
    ],
)
def test_a_journalled_message_has_one_destination(topic: str, expected: str | None) -> None:
    assert destination(topic) == expected
