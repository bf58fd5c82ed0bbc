"""How long to wait, and where rejected points go."""

import json
from pathlib import Path

import pytest

from picket_recorder.backoff import Backoff
from picket_recorder.influx import is_influxs_own, seconds
from picket_recorder.rejected import RejectedFile


def test_waits_double_up_to_a_minute_and_begin_anew_after_success() -> None:
    backoff = Backoff()

    waits = [backoff.failed() for _ in range(8)]
    backoff.worked()

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff.failed() == 1


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        pytest.param(7.0, 7.0, id="as-asked"),
        pytest.param(0.0, 1.0, id="not-at-once"),
        pytest.param(1e9, 3600.0, id="not-for-ever"),
    ],
)
def test_the_server_may_ask_for_a_wait(asked: float, waited: float) -> None:
    assert Backoff().failed(asked) == waited


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        pytest.param("30", 30.0, id="seconds"),
        pytest.param(None, None, id="none"),
        pytest.param("Sat, 21 Nov 2026 18:00:00 GMT", None, id="date"),
        pytest.param("-5", None, id="nonsense"),
    ],
)
def test_retry_after_is_read(header: str | None, expected: float | None) -> None:
    assert seconds(header) == expected


@pytest.mark.parametrize(
    ("body", "own"),
    [
        pytest.param('{"code":"invalid","message":"unable to parse"}', True, id="influxdb"),
        pytest.param("Client sent an HTTP request to an HTTPS server.\n", False, id="tls-port"),
        pytest.param("<html>400 Bad Request</html>", False, id="proxy"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_only_influxdb_itself_can_reject_a_point(body: str, own: bool) -> None:
    assert is_influxs_own(body) is own


def test_the_file_of_rejected_points_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "var" / "rejected.jsonl"
    file = RejectedFile(path, max_bytes=200)

    for number in range(20):
        file.append([(f"line {number}", "400")])

    assert sorted(one.name for one in path.parent.iterdir()) == ["rejected.jsonl", "rejected.jsonl.1"]
    assert sum(one.stat().st_size for one in path.parent.iterdir()) < 2 * 200 + 100
    assert json.loads(path.read_text().splitlines()[-1]) == {"why": "400", "line": "line 19"}
