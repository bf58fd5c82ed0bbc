from datetime import UTC, datetime

import pytest

from picket.bus.journal import Entry
from picket.messages import Fault, InputEvent, Message, Reading, encode
from picket_hub.table import COLUMNS, rows

BEGAN = datetime(2026, 11, 21, 10, tzinfo=UTC)
TIME_NS = 1_795_255_200_000_000_000
TIME = "2026-11-21T10:00:00.000000Z"


def test_the_columns_are_what_exports_have_had() -> None:
    assert " ".join(COLUMNS) == (
        "entry time topic device seq id type input zone began_at ended_at why pulses peak_volts threshold source "
        "quantity value motion volts kind output state until switches on_seconds accepted reason latency_ms origin "
        "service subject text"
    )


@pytest.mark.parametrize(
    ("topic", "message", "found"),
    [
        pytest.param(
            "reading.air",
            Reading(time_ns=TIME_NS, source="air", kind="air", values={"pm25": 7.5, "pm10": None}),
            [{"quantity": "pm25", "value": 7.5}, {"quantity": "pm10", "value": ""}],
            id="a reading is a row for each value",
        ),
        pytest.param(
            "event.input.hall",
            InputEvent(
                time_ns=TIME_NS, id="hall-1", type="new", input="hall", zone="alarm", began_at=BEGAN, why="-1 V"
            ),
            [{"id": "hall-1", "type": "new", "zone": "alarm", "why": "'-1 V", "peak_volts": "", "pulses": 0}],
            id="an event is a row, and no text is a formula",
        ),
        pytest.param(
            "fault.relay",
            Fault(time_ns=TIME_NS, service="relay", subject="chip", state="begin", text="=1+1", traceback="a\nb"),
            [{"service": "relay", "state": "begin", "text": "'=1+1"}],
            id="a fault has no traceback",
        ),
    ],
)
def test_a_message_becomes_rows(topic: str, message: Message, found: list[dict[str, object]]) -> None:
    made = list(rows(Entry(7, topic, encode(message))))

    assert [
        row | {"entry": 7, "time": TIME, "topic": topic} | expected for row, expected in zip(made, found, strict=True)
    ] == made
    assert all(set(row) <= set(COLUMNS) for row in made)


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[1]", b'{"time_ns": 1e400}', b'{"time_ns": "x"}'], ids=repr)
def test_what_is_no_message_still_has_a_row(body: bytes) -> None:
    assert list(rows(Entry(7, "nonsense", body))) == [{"entry": 7, "time": "", "topic": "nonsense"}]
