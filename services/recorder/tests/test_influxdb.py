"""The recorder, a real hub and a real InfluxDB."""

import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from picket.bus.journal import Batch, Entry
from picket.config import Config, Loaded
from picket.config.schema import Recorder
from picket.messages import Fault, InputEvent, Reading, decode, encode
from picket.service import Runtime
from picket_recorder.recording import Recording
from tests.servers.influxdb import InfluxDB, refusal
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

YESTERDAY = 1_795_000_000_123_456_789


def event(number: int) -> tuple[str, InputEvent]:
    return "event.input.hall", InputEvent(
        time_ns=YESTERDAY + number * 1_000_000_007,
        id=f"e{number}",
        type="new",
        input="hall",
        zone="alarm",
        began_at=datetime(2026, 11, 20, tzinfo=UTC),
        why="2 pulses in 5 s",
    )


def reading(number: int, kind: str = "air", **values: float | None) -> tuple[str, Reading]:
    return "reading.sds011", Reading(
        time_ns=YESTERDAY + number, source="sds011", kind=kind, values=values or {"pm25": float(number), "pm10": None}
    )


@pytest.fixture
def database(tmp_path: Path) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path / "influxdb") as running:
        yield running


@pytest.fixture
def release(tmp_path: Path, database: InfluxDB) -> Iterator[Release]:
    with Release(tmp_path, recorder={"url": database.url}) as running:
        running.environment["INFLUX_TOKEN"] = database.token
        running.start_hub()
        yield running


def faults(release: Release, subject: str) -> list[str]:
    messages = [decode(entry.topic, entry.body) for entry in release.journal("fault.recorder")]
    return [one.state for one in messages if isinstance(one, Fault) and one.subject == subject]


def test_events_and_readings_arrive_once_with_their_own_time_after_the_server_was_away(
    release: Release, database: InfluxDB
) -> None:
    database.stop()
    release.start("picket_recorder")
    release.publish(*map(event, range(300)))
    release.publish(*map(reading, range(300)))
    wait_for("the fault", lambda: faults(release, "influxdb") == ["begin"])

    database.start()

    wait_for("the fault's end", lambda: faults(release, "influxdb") == ["begin", "end"])
    wait_for("the last of it in InfluxDB", lambda: len(database.query("SELECT * FROM fault")) == 2)
    events, readings = database.query("SELECT * FROM input"), database.query("SELECT * FROM air")
    assert [(row["time"], row["id"], row["device"]) for row in events] == [
        (message.time_ns, message.id, "test") for _, message in map(event, range(300))
    ]
    assert [(row["time"], row["pm25"]) for row in readings] == [(YESTERDAY + n, n) for n in range(300)]


def test_a_recorder_that_is_killed_goes_on_where_it_was(release: Release, database: InfluxDB) -> None:
    release.start("picket_recorder")
    release.publish(*map(event, range(2000)))
    wait_for("some of it in InfluxDB", lambda: database.writes >= 2)

    release.kill("picket_recorder")
    release.start("picket_recorder")

    wait_for("all of it in InfluxDB", lambda: len(database.query("SELECT id FROM input")) == 2000)
    assert len({row["id"] for row in database.query("SELECT id FROM input")}) == 2000


def test_bad_points_are_put_aside_and_hold_up_nothing(release: Release, database: InfluxDB) -> None:
    release.publish(event(0), reading(1), reading(2, kind=""), reading(3, kind="input", id=4.0), reading(5))

    release.start("picket_recorder")

    wait_for("the fault", lambda: faults(release, "points") == ["begin"])
    assert [row["pm25"] for row in database.query("SELECT * FROM air")] == [1, 5]
    assert [row["id"] for row in database.query("SELECT * FROM input")] == ["e0"]
    kept = [json.loads(line) for line in (release.folder / "data/recorder-rejected.jsonl").read_text().splitlines()]
    assert ["missing measurement" in kept[0]["why"], "field type conflict" in kept[1]["why"]] == [True, True]
    assert [line["line"].split()[-1] for line in kept] == [str(YESTERDAY + 2), str(YESTERDAY + 3)]
    release.publish(event(6))
    wait_for("what came after them", lambda: len(database.query("SELECT id FROM input")) == 2)


@pytest.fixture(autouse=True)
def no_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a runtime of the test's own end at once: nobody is there to take its faults."""
    monkeypatch.setattr("picket.service.FLUSH_SECONDS", 0.0)


class NotedReader:
    """Stands for the journal's reader: notes what becomes of a batch."""

    def __init__(self) -> None:
        self.paused: list[float] = []
        self.committed: list[int] = []

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)

    def commit(self, cursor: int) -> None:
        self.committed.append(cursor)


class NotedRuntime(Runtime):
    """A runtime whose journal is read by the test."""

    def __init__(self, config: Config) -> None:
        super().__init__("recorder", Loaded(config, {}))
        self.reader = NotedReader()

    def read_journal(self, *_: Any) -> Any:
        return self.reader


def batch(*messages: tuple[str, Any]) -> Batch:
    return Batch([Entry(n, topic, encode(message)) for n, (topic, message) in enumerate(messages, 1)], len(messages))


FAILURES = [
    pytest.param((429, {"Retry-After": "7"}, b""), 7.0, "429", id="too-many-requests"),
    pytest.param((503, {"Retry-After": "11"}, b""), 11.0, "503", id="busy"),
    pytest.param((500, {}, b""), 1.0, "500", id="broken"),
    pytest.param(refusal(401, "unauthorized", "unauthorized access"), 1.0, "401", id="bad-token"),
    pytest.param(refusal(404, "not found", 'bucket "picket" not found'), 1.0, "404", id="no-bucket"),
    pytest.param((400, {}, b"Client sent an HTTP request to an HTTPS server."), 1.0, "400", id="wrong-port"),
]


@pytest.mark.parametrize(("answer", "pause", "told"), FAILURES)
def test_a_failure_commits_nothing_and_is_tried_again(
    tmp_path: Path, database: InfluxDB, answer: Any, pause: float, told: str
) -> None:
    config = Config(
        device="demo", data_dir=str(tmp_path / "var"), recorder=Recorder(url=database.url, token=database.token)
    )
    runtime = NotedRuntime(config)
    with runtime.closing:
        recording = Recording(runtime)
        database.answers.append(answer)

        recording.deliver(batch(event(1), ("event.input.hall", {"no": "event"})))

        assert (runtime.reader.paused, runtime.reader.committed) == ([pause], [])
        assert told in runtime.health.faults["influxdb"]
        assert database.token not in str(runtime.health.faults)
        recording.deliver(batch(event(1), ("event.input.hall", {"no": "event"})))
        assert runtime.reader.committed == [2]
        assert runtime.health.faults == {}
        assert (recording.written, recording.skipped) == (1, 1)


def test_a_batch_too_large_for_a_proxy_goes_in_halves(tmp_path: Path, database: InfluxDB) -> None:
    runtime = NotedRuntime(
        Config(device="demo", data_dir=str(tmp_path), recorder=Recorder(url=database.url, token=database.token))
    )
    with runtime.closing:
        recording = Recording(runtime)
        database.answers.append((413, {}, b"<html>413 Request Entity Too Large</html>"))

        recording.deliver(batch(event(1), event(2)))

        assert runtime.reader.committed == [2]
        assert (recording.written, recording.rejected, database.writes) == (2, 0, 3)


def test_a_server_that_does_not_answer_holds_the_loop_a_few_seconds_only(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        runtime = NotedRuntime(Config(device="demo", data_dir=str(tmp_path), recorder=Recorder(url=url, token="t0ken")))
        with runtime.closing:
            recording = Recording(runtime)
            began = time.monotonic()

            recording.deliver(batch(event(1)))

            assert time.monotonic() - began < 7
            assert runtime.reader.paused == [1.0]
