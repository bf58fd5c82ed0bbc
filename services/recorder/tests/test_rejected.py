"""Who can reject a point, and where rejected points go."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picket.bus.journal import Entry
from picket_recorder.influx import is_databases_own
from picket_recorder.rejected import Rejected, RejectedFile

ENTRY = Entry(7, "reading.attic", b'{"time_ns":1,"what":"\xff"}')


@pytest.mark.parametrize(
    ("headers", "body", "own"),
    [
        pytest.param({}, '{"code":"invalid","message":"unable to parse"}', True, id="influxdb-2"),
        pytest.param({}, '{"error":"partial write"}', True, id="influxdb-1-and-3"),
        pytest.param({"X-Influxdb-Version": "1.8.0"}, 'remoteAddr: "127.0.0.1"; can not parse', True, id="victoria"),
        pytest.param({}, '{"message":"blocked"}', False, id="gateway"),
        pytest.param({}, '["code"]', False, id="list"),
        pytest.param({}, "Client sent an HTTP request to an HTTPS server.\n", False, id="tls-port"),
        pytest.param({}, "<html>400 Bad Request</html>", False, id="proxy"),
        pytest.param(None, None, False, id="nothing"),
    ],
)
def test_only_the_database_itself_can_reject_a_point(headers: dict[str, str], body: str, own: bool) -> None:
    assert is_databases_own(headers, body) is own


def test_a_rejected_point_is_kept_with_its_message_and_why(tmp_path: Path) -> None:
    file = RejectedFile(tmp_path / "var" / "rejected.jsonl")

    file.keep(Rejected(ENTRY, "422 dropped=1", "air t=1.0 1"))
    file.keep(Rejected(ENTRY, "no message"))

    assert [json.loads(line) for line in (tmp_path / "var" / "rejected.jsonl").read_text().splitlines()] == [
        {"id": 7, "topic": "reading.attic", "why": "422 dropped=1", "line": "air t=1.0 1"},
        {
            "id": 7,
            "topic": "reading.attic",
            "why": "no message",
            "body": '{"time_ns":1,"what":"\N{REPLACEMENT CHARACTER}"}',
        },
    ]


def test_the_file_of_rejected_points_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    file = RejectedFile(path, max_bytes=200)

    for number in range(20):
        file.keep(Rejected(ENTRY, "400", f"line {number}"))

    assert sorted(one.name for one in path.parent.iterdir()) == ["rejected.jsonl", "rejected.jsonl.1"]
    assert max(one.stat().st_size for one in path.parent.iterdir()) <= 200
    assert json.loads(path.read_text().splitlines()[-1])["line"] == "line 19"


def test_a_full_disk_leaves_no_half_of_a_line(tmp_path: Path) -> None:
    path = tmp_path / "rejected.jsonl"
    file = RejectedFile(path)
    file.keep(Rejected(ENTRY, "400", "first"))

    with no_file_above(5_000), pytest.raises(OSError, match="No space left"):
        file.keep(Rejected(ENTRY, "400", "x" * 10_000))

    file.keep(Rejected(ENTRY, "400", "later"))
    assert [json.loads(line)["line"] for line in path.read_text().splitlines()] == ["first", "later"]


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Have the system write no file beyond so many bytes, as if that were all there is room for."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
