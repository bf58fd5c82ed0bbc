"""Lines of logs: cut out of a stream however it comes, bounded, and kept."""

import gzip
import json
import zlib
from typing import Any

import pytest

from picket_fleet.server.log_stream import LINE_BYTES, PIECE_BYTES, Gunzip, Lines, read
from picket_fleet.store import logs
from picket_fleet.store.logs import Line


@pytest.mark.parametrize("step", [1, 2, 5, 100])
def test_lines_are_the_same_in_whatever_pieces_they_come(step: int) -> None:
    stream, lines = b"one\n\ntwo\nthree\nrest", Lines()

    cut = [line for at in range(0, len(stream), step) for line in lines.feed(stream[at : at + step])]

    assert cut == [b"one", b"two", b"three"]


@pytest.mark.parametrize("step", [1000, LINE_BYTES * 3])
def test_a_line_without_end_is_left_out_and_not_kept(step: int) -> None:
    stream, lines = b"one\n" + b"x" * (2 * LINE_BYTES) + b"\ntwo\n", Lines()

    cut = [line for at in range(0, len(stream), step) for line in lines.feed(stream[at : at + step])]

    assert cut == [b"one", b"two"]


def test_what_is_no_line_of_a_log_is_left_out() -> None:
    said = [
        b'{"message":"hot\\r","timestamp":1500,"serviceId":2,"isStdErr":true}',
        b'{"message":"gone","timestamp":1500,"serviceId":9}',
        b'{"message":"by itself","timestamp":2500.5,"isSystem":true}',
        b'{"message":"no time"}',
        b'{"message":"a time that no calendar has","timestamp":1e300}',
        b'{"message":"nor this","timestamp":-1e300}',
        b"[" * 10_000,
        b"\xff",
    ]

    assert read(said, {2: "web"}) == [
        Line(1.5, "web", False, True, "hot"),
        Line(1.5, "", False, False, "gone"),
        Line(2.5005, "", True, False, "by itself"),
    ]


def test_what_was_packed_very_small_comes_in_pieces() -> None:
    packed = gzip.compress(bytes(10 * PIECE_BYTES + 1))

    pieces = [len(piece) for piece in Gunzip().feed(packed)]

    assert max(pieces) == PIECE_BYTES
    assert sum(pieces) == 10 * PIECE_BYTES + 1


def test_a_flushed_line_is_read_before_the_stream_ends() -> None:
    packer, gunzip = zlib.compressobj(wbits=31), Gunzip()

    for text in (b"one\n", b"two\n"):
        assert b"".join(gunzip.feed(packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH))) == text


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_what_a_device_says_is_kept(fleet: Any, until: Any, encoding: str) -> None:
    device = fleet.join("shed")
    fleet.publish()
    body = b"".join(
        json.dumps({"message": text, "timestamp": 1000, "serviceId": 1}).encode() + b"\n"
        for text in ("one", "x" * 20_000)
    )

    answer = fleet.call(
        "POST",
        f"/device/v2/{device.uuid}/log-stream",
        device.key,
        headers={"Content-Encoding": encoding},
        data=gzip.compress(body) if encoding == "gzip" else body,
    )
    lines = until(lambda: logs.tail(fleet.database, device.id))

    assert answer.status_code == 200
    assert [(line.service, line.message) for line in lines] == [("web", "one"), ("web", "x" * 10_000)]
