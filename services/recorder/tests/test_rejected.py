"""Who can reject a point, and where rejected points go."""

import json
from pathlib import Path

import pytest

from picket_recorder.influx import is_influxs_own
from picket_recorder.rejected import RejectedFile


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
