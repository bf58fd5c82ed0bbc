"""Reports: differences, two levels deep."""

import gzip
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from picket_fleet.deltas.codec import dcz
from picket_fleet.server import report as reports
from picket_fleet.store import devices
from picket_fleet.zstandard import zstd


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"cpu": 2}, {"cpu": 2, "apps": {"a": 1, "b": 2}}),
        ({"apps": {"b": 3}}, {"cpu": 1, "apps": {"b": 3}}),
        ({"cpu": None}, {"apps": {"a": 1, "b": 2}}),
        ({"api_secret": "x"}, {"cpu": 1, "apps": {"a": 1, "b": 2}}),
        ({}, {"cpu": 1, "apps": {"a": 1, "b": 2}}),
    ],
    ids=["a field", "apps as a whole", "null", "secret", "nothing"],
)
def test_a_change_replaces_the_fields_that_it_has(change: dict[str, Any], expected: dict[str, Any]) -> None:
    assert reports.merge({"cpu": 1, "apps": {"a": 1, "b": 2}}, change) == expected


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"apps": {"a": {"release_uuid": "c" * 32}}}, "c" * 32),
        ({"apps": {"b": {"release_uuid": "c" * 32}}}, ""),
        ({"apps": {"a": {"release_uuid": "../x"}}}, ""),
        ({"apps": {"a": {"release_uuid": 7}}}, ""),
        ({"apps": {"a": []}}, ""),
        ({"apps": "x"}, ""),
        ({}, ""),
    ],
)
def test_what_runs_is_believed_where_it_can_be(report: dict[str, Any], expected: str) -> None:
    assert reports.running(report, "a") == expected


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_a_report_may_be_packed(fleet: Any, pack: Callable[[bytes], bytes]) -> None:
    shed = fleet.join("shed")
    headers = {"Content-Encoding": pack.__module__.rpartition(".")[2]}
    report = pack(msgspec.json.encode({shed.uuid: {"status": "Idle"}}))

    assert fleet.call("PATCH", "/device/v3/state", shed.key, data=report, headers=headers).status_code == 200
    assert devices.get(fleet.database, shed.id).report == {"status": "Idle"}


def test_a_report_may_be_packed_against_the_one_before(fleet: Any) -> None:
    shed = fleet.join("shed")
    first, second = (msgspec.json.encode({shed.uuid: {"status": word}}) for word in ("Updating", "Idle"))

    def patch(body: bytes) -> int:
        headers = {"Content-Encoding": "dcz"}
        status: int = fleet.call("PATCH", "/device/v3/state", shed.key, data=body, headers=headers).status_code
        return status

    assert patch(dcz(second, first)) == 415
    assert patch(dcz(first, b"")) == 200
    assert patch(dcz(second, first)) == 200
    assert devices.get(fleet.database, shed.id).report == {"status": "Idle"}


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(bytes(100_000_000)), 413),
        ("zstd", zstd.compress(bytes(100_000_000)), 400),
        ("zstd", zstd.compress(b"small") + zstd.compress(bytes(100_000_000)), 400),
        ("gzip", b"not gzip", 400),
        ("zstd", b"not zstd", 400),
        ("dcz", dcz(bytes(100_000_000), b""), 400),
        ("br", b"", 415),
    ],
    ids=["gzip bomb", "zstd bomb", "zstd bomb behind a frame", "no gzip", "no zstd", "dcz bomb", "unknown"],
)
def test_a_packed_report_that_is_none_is_refused(running: Any, encoding: str, body: bytes, status: int) -> None:
    headers = {"Content-Encoding": encoding}

    answer = running.call("PATCH", "/device/v3/state", "s" * 32, data=body, headers=headers)

    assert answer.status_code == status


def test_a_report_that_could_hardly_be_read_again_is_refused(running: Any) -> None:
    uuid, key = "a" * 32, "s" * 32
    statuses = []
    for deep in (10, 900, 980, 5000):  # of the recursion that is allowed, a request has used some already
        body = f'{{"{uuid}": {{"x": {"[" * deep}{"]" * deep}}}}}'
        statuses.append(running.call("PATCH", "/device/v3/state", key, data=body).status_code)

    assert statuses == [200, 400, 400, 400]
    assert running.call("GET", f"/device/v3/{uuid}/state", key).ok
