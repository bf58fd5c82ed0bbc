from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.messages import OutputCommand
from picket_gateway.commands import Arrival, Refusal, decide

OUTPUTS = {"siren": None, "door": None}
ARRIVED_NS = 1_700_000_000_000_000_000
ARRIVED = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def arrive(
    payload: bytes, verb: str = "set", output: str = "siren", retained: bool = False
) -> OutputCommand | Refusal | None:
    arrival = Arrival(f"picket/hut/output/{output}/{verb}", payload, retained, ARRIVED_NS, "fresh")
    return decide(arrival, OUTPUTS, ttl_seconds=10)


COMMANDS = [
    pytest.param("set", b"ON", {"state": "ON"}, id="on"),
    pytest.param("set", b"OFF", {"state": "OFF"}, id="off"),
    pytest.param("set", b"on", {"state": "ON"}, id="lower-case"),
    pytest.param("set", b'{"state":"ON"}', {"state": "ON"}, id="json"),
    pytest.param("set", b'{"state":"off"}', {"state": "OFF"}, id="json-lower-case"),
    pytest.param("set", b'{"state":"ON","seconds":5}', {"state": "ON", "seconds": 5.0}, id="seconds"),
    pytest.param("set", b'{"state":"ON","id":"a-1"}', {"state": "ON", "id": "a-1"}, id="an-id-of-its-own"),
    pytest.param("set", b'{"state":"ON","ttl_seconds":2.5}', {"state": "ON", "ttl_seconds": 2.5}, id="ttl"),
    pytest.param(
        "set",
        b'{"state":"ON","issued_at":"2023-11-14T23:00:00+01:00"}',
        {"state": "ON", "issued_at": datetime(2023, 11, 14, 22, tzinfo=UTC)},
        id="issued-in-another-zone",
    ),
    pytest.param("set_on_ms", b"1", {"state": "ON", "seconds": 0.001}, id="one-millisecond"),
    pytest.param("set_on_ms", b"1500", {"state": "ON", "seconds": 1.5}, id="milliseconds"),
]


@pytest.mark.parametrize(("verb", "payload", "said"), COMMANDS)
def test_a_command_is_taken_and_what_it_leaves_out_is_filled_in(
    verb: str, payload: bytes, said: dict[str, Any]
) -> None:
    filled_in = {"id": "fresh", "issued_at": ARRIVED, "ttl_seconds": 10, **said}

    assert arrive(payload, verb) == OutputCommand(time_ns=ARRIVED_NS, output="siren", origin="mqtt", **filled_in)


REFUSALS = [
    pytest.param("set", b"On", "expected ON, OFF or a JSON object, got b'On'", id="mixed-case"),
    pytest.param("set", b"ON\n", "expected ON, OFF or a JSON object", id="a-line-end"),
    pytest.param("set", b"1", "expected ON, OFF or a JSON object", id="a-number"),
    pytest.param("set", b'"ON"', "expected ON, OFF or a JSON object", id="a-json-string"),
    pytest.param("set", b"[]", "expected ON, OFF or a JSON object", id="a-json-list"),
    pytest.param("set", b"\xff\xfe\x00", "expected ON, OFF or a JSON object", id="bytes"),
    pytest.param("set", b"{", "truncated", id="half-an-object"),
    pytest.param("set", b'{"state":"ON"} x', "malformed", id="trailing-rubbish"),
    pytest.param("set", b'{"state":"\xff"}', "expected a JSON object", id="no-utf-8"),
    pytest.param("set", b"{}", "missing required field `state`", id="no-state"),
    pytest.param("set", b'{"state":"ON","secs":5}', "unknown field `secs`", id="unknown-key"),
    pytest.param("set", b'{"state":"TOGGLE"}', "Invalid enum value 'TOGGLE'", id="unknown-state"),
    pytest.param("set", b'{"state":true}', "Expected `str`, got `bool`", id="state-of-a-wrong-type"),
    pytest.param("set", b'{"state":"ON","seconds":"5"}', "Expected `float | null`, got `str`", id="seconds-as-text"),
    pytest.param("set", b'{"state":"ON","seconds":true}', "got `bool`", id="seconds-as-bool"),
    pytest.param("set", b'{"state":"ON","seconds":0}', "`float` > 0", id="no-seconds"),
    pytest.param("set", b'{"state":"ON","seconds":-1}', "`float` > 0", id="negative-seconds"),
    pytest.param("set", b'{"state":"ON","seconds":1e999}', "out of range", id="infinite-seconds"),
    pytest.param("set", b'{"state":"ON","seconds":NaN}', "malformed", id="seconds-that-are-no-number"),
    pytest.param("set", b'{"state":"ON","ttl_seconds":86400}', "`float` <= 3600", id="ttl-of-a-day"),
    pytest.param("set", b'{"state":"ON","id":7}', "got `int`", id="a-number-as-id"),
    pytest.param("set", b'{"state":"ON","id":""}', "length >= 1", id="empty-id"),
    pytest.param("set", b'{"state":"ON","id":"\\u0007"}', "matching regex", id="an-id-that-rings"),
    pytest.param("set", b'{"state":"ON","issued_at":"2023-11-14T22:00:00"}', "timezone", id="a-time-of-no-zone"),
    pytest.param("set", b'{"state":"ON","issued_at":1700000000}', "got `int`", id="a-time-as-number"),
    pytest.param("set", b'{"state":"ON","issued_at":"yesterday"}', "RFC3339", id="a-time-in-words"),
    pytest.param(
        "set", b'{"state":"ON","issued_at":"0001-01-01T00:00:00+14:00"}', "out of range", id="a-time-before-time"
    ),
    pytest.param("set", b'{"state":' + b"[" * 4000, "Expected `str`", id="a-deep-state"),
    pytest.param("set", b'{"x":' + b"[" * 4000, "unknown field `x`", id="a-deep-unknown-field"),
    pytest.param("set", b"x" * 1_000_000, "1000000 bytes; expected at most 4096", id="a-megabyte"),
    pytest.param("set_on_ms", b"0", "expected a whole number of milliseconds above 0", id="no-milliseconds"),
    pytest.param("set_on_ms", b"-5", "expected a whole number", id="negative-milliseconds"),
    pytest.param("set_on_ms", b"1.5", "expected a whole number", id="half-milliseconds"),
    pytest.param("set_on_ms", b"ON", "expected a whole number", id="a-word-for-milliseconds"),
    pytest.param("set_on_ms", "٣".encode(), "expected a whole number", id="other-digits"),
    pytest.param("set_on_ms", b"99999999999", "expected a whole number", id="three-years-of-milliseconds"),
    pytest.param("set_on_ms", b"9" * 4096, "expected a whole number", id="many-digits"),
]


@pytest.mark.parametrize(("verb", "payload", "expected"), REFUSALS)
def test_what_is_no_command_is_refused_with_the_topic_and_what_was_expected(
    verb: str, payload: bytes, expected: str
) -> None:
    refusal = arrive(payload, verb)

    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(f"picket/hut/output/siren/{verb}: ")
    assert expected in refusal.reason


def test_a_retained_command_is_refused() -> None:
    assert arrive(b"ON", retained=True) == Refusal(
        "fresh",
        "siren",
        "picket/hut/output/siren/set: retained; expected a command published without the retain flag",
    )


def test_an_unknown_output_is_refused() -> None:
    refusal = arrive(b"ON", output="sauna")

    assert isinstance(refusal, Refusal)
    assert (refusal.output, "no such output" in refusal.reason) == ("sauna", True)


@pytest.mark.parametrize("retained", [False, True])
def test_an_empty_payload_is_nothing(retained: bool) -> None:
    assert arrive(b"", retained=retained) is None


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        pytest.param(b'{"id":"mine","state":5}', "mine", id="readable"),
        pytest.param(b'{"id":5,"state":"ON"}', "fresh", id="of-a-wrong-type"),
        pytest.param(b'{"id":"mine","x":' + b"[" * 4000, "fresh", id="before-rubbish"),
    ],
)
def test_a_refusal_bears_the_id_of_the_command_if_it_can_be_read(payload: bytes, expected: str) -> None:
    refusal = arrive(payload)

    assert isinstance(refusal, Refusal)
    assert refusal.id == expected


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda text: b'{"' + text.encode() + b'":1}'), st.text())
def test_no_bytes_raise_and_reasons_stay_short_and_printable(payload: bytes, output: str) -> None:
    for verb in ("set", "set_on_ms"):
        decision = arrive(payload, verb, output.replace("/", "") or "siren")
        if isinstance(decision, Refusal):
            assert len(decision.reason) <= 300
            assert decision.reason.isprintable()
