"""Lines on their way to the server: in order, bounded, and what is lost is counted."""

import io
import json
from http.client import HTTPResponse
from typing import cast

import pytest

from picket_fleet.agent.logs import PENDING_BYTES, Pending, lines_of, system


def messages(data: bytes) -> list[str]:
    return [json.loads(line)["message"] for line in data.splitlines()]


def test_lines_come_out_in_order() -> None:
    pending = Pending()
    for text in ("one", "two"):
        pending.add(system(text))

    assert messages(pending.take(0)) == ["one", "two"]
    assert pending.take(0) == b""


def test_what_is_too_much_is_dropped_oldest_first_and_counted() -> None:
    pending = Pending()
    for number in range(40):
        pending.add(system(f"{number:02} {'x' * 10_000}"))

    taken = messages(pending.take(0))

    assert taken[0] == "Suppressed 14 message(s)"
    assert taken[1].startswith("14 ") and taken[-1].startswith("39 ")
    assert sum(map(len, taken)) < PENDING_BYTES


def test_what_did_not_go_out_comes_first_the_next_time() -> None:
    pending = Pending()
    pending.add(system("one"))
    taken = pending.take(0)
    pending.add(system("two"))

    pending.put_back(taken)

    assert messages(pending.take(0)) == ["one", "two"]


@pytest.mark.parametrize(
    ("data", "has_terminal", "expected"),
    [
        pytest.param(
            b"\1\0\0\0\0\0\0\4one\n\2\0\0\0\0\0\0\3two\1\0\0\0\0\0\0\3rest"[:-1],
            False,
            [(1, b"one"), (2, b"two"), (1, b"res")],
            id="two streams",
        ),
        pytest.param(b"one\r\ntwo\r\n", True, [(1, b"one\r"), (1, b"two\r")], id="a terminal"),
    ],
)
def test_the_engine_s_stream_in_lines(data: bytes, has_terminal: bool, expected: list[tuple[int, bytes]]) -> None:
    stream = cast(HTTPResponse, io.BytesIO(data))

    assert sorted(lines_of(stream, has_terminal)) == sorted(expected)
