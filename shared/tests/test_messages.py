"""What is read as a message, and what is not."""

from datetime import UTC, datetime

import pytest

from picket.errors import WireError
from picket.messages import OutputCommand, decode, encode

DEEP = 4000
COMMAND = OutputCommand(
    time_ns=1,
    id="a",
    output="siren",
    state="ON",
    issued_at=datetime(2026, 11, 21, 12, tzinfo=UTC),
    ttl_seconds=5,
    origin="test",
)


def issued(at: str) -> bytes:
    return encode(COMMAND).replace(b"2026-11-21T12:00:00Z", at.encode())


@pytest.mark.parametrize("at", ["2026-11-21T12:00:00Z", "2026-11-21T13:00:00+01:00"], ids=["utc", "another-zone"])
def test_a_message_is_read_by_its_topic(at: str) -> None:
    assert decode("output.command.siren", issued(at)) == COMMAND


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        pytest.param("reading.air", b"{", id="no-json"),
        pytest.param("reading.air", b"{}", id="fields-missing"),
        pytest.param("reading.air", b"\xff\xfe", id="no-text"),
        pytest.param("nonsense", b"{}", id="no-topic"),
        pytest.param("reading.air", b'{"x":' + b"[" * DEEP, id="deep-where-nobody-looks"),
        pytest.param("health.hub", b'{"figures":' + b'{"a":' * DEEP, id="deep-where-anything-may-be"),
        pytest.param("output.command.siren", issued("0001-01-01T00:00:00"), id="a-time-of-no-zone"),
        pytest.param("output.command.siren", issued("2026-11-21T12:00:00+99:99"), id="a-time-of-no-such-zone"),
        pytest.param("output.command.siren", issued("9999-12-31T23:59:60Z"), id="a-time-after-time"),
    ],
)
def test_bytes_that_are_no_message_are_refused(topic: str, body: bytes) -> None:
    with pytest.raises(WireError, match=topic):
        decode(topic, body)
