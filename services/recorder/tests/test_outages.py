"""What becomes of a batch: written, or to come again; the journal is the test's, the server a real one."""

import json
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from picket.bus.journal import Batch, Entry
from picket.config import Config, Loaded
from picket.config.schema import Hub, Recorder
from picket.messages import InputEvent, Message, Reading, encode
from picket.service import Runtime
from picket_recorder.recording import LIMIT, Recording
from tests.servers.dripping import Dripping
from tests.servers.influxdb import InfluxDB, refusal
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

YESTERDAY = 1_795_000_000_123_456_000
NO_HUB = Hub(ingest_port=1)  # or its faults would be those of a release that runs on this machine
TOKEN = "t0k\u00e9n/s3cret"
NONSENSE = Entry(99, "event.input.hall", b"no event")


class NotedReader:
    """Stands for the journal's reader: notes what becomes of a batch."""

    def __init__(self) -> None:
        self.paused: list[float] = []
        self.committed: list[int] = []

    def read_ahead(self) -> None:
        pass

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


class Desk:
    """A recording, and what becomes of the batches that it is given."""

    def __init__(self, folder: Path, url: str, token: str = TOKEN) -> None:
        self.runtime = NotedRuntime(
            Config(device="demo", data_dir=str(folder), hub=NO_HUB, recorder=Recorder(url=url, token=token))
        )
        self.recording = Recording(self.runtime)
        self.faults = self.runtime.health.faults
        self.reader = self.runtime.reader

    def give(self, *entries: Entry) -> str:
        """Deliver a batch, let the loop turn until something has become of it, and say what."""
        count = len(self.reader.paused) + len(self.reader.committed)
        committed = len(self.reader.committed)
        self.recording.deliver(Batch(list(entries), entries[-1].id))
        self.until(lambda: len(self.reader.paused) + len(self.reader.committed) > count)
        return "committed" if len(self.reader.committed) > committed else "paused"

    def until(self, look: Callable[[], object]) -> None:
        """Let the loop turn until something is so."""

        def turn() -> object:
            self.runtime.loop.turn(0.05)
            return look()

        wait_for("the recorder", turn)


@pytest.fixture(autouse=True)
def no_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a runtime of the test's own end at once: nobody is there to take its faults."""
    monkeypatch.setattr("picket.service.FLUSH_SECONDS", 0.0)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    with InfluxDB(tmp_path_factory.mktemp("influxdb"), token="plain-t0ken") as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, database: InfluxDB) -> Iterator[Desk]:
    database.query('DROP DATABASE "picket"')
    database.query('CREATE DATABASE "picket"')
    database.writes = 0
    desk = Desk(tmp_path, database.url, database.token)
    with desk.runtime.closing:
        yield desk


@contextmanager
def speaking_with(folder: Path, url: str, token: str = TOKEN) -> Iterator[Desk]:
    desk = Desk(folder, url, token)
    with desk.runtime.closing:
        yield desk


def entry(number: int, topic: str, message: Message) -> Entry:
    return Entry(number, topic, encode(message))


def event(number: int, time_ns: int = YESTERDAY) -> Entry:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    message = InputEvent(
        time_ns=time_ns, seq=number, id=f"e{number}", type="new", input="hall", zone="alarm", began_at=at, why="",
    )  # fmt: skip
    return entry(number, "event.input.hall", message)


def reading(number: int, kind: str = "air", **values: float) -> Entry:
    source = f"s{number % 7}"
    message = Reading(time_ns=YESTERDAY + number * 1_000, seq=number, source=source, kind=kind, values=values)
    return entry(number, f"reading.{source}", message)


def test_a_message_that_is_none_holds_up_nothing(desk: Desk, tmp_path: Path) -> None:
    assert desk.give(event(1), NONSENSE, reading(2)) == "committed"

    assert (desk.recording.written, desk.recording.not_written) == (1, {"unwritable": 1, "empty": 1})
    assert desk.reader.committed == [2]
    kept = json.loads((tmp_path / "recorder-rejected.jsonl").read_text())
    assert (kept["id"], kept["topic"], kept["body"]) == (99, "event.input.hall", "no event")


@pytest.mark.parametrize(
    ("answer", "pause", "told"),
    [
        pytest.param((429, {"Retry-After": "7"}, b""), 7.0, "429", id="too-many-requests"),
        pytest.param((503, {"Retry-After": "11"}, b""), 11.0, "503", id="busy"),
        pytest.param((503, {"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}, b""), 3600.0, "503", id="for-ever"),
        pytest.param((500, {}, b""), 1.0, "500", id="broken"),
        pytest.param(refusal(401, "unauthorized", "unauthorized access"), 1.0, "401 unauthorized", id="bad-token"),
        pytest.param(refusal(403, "forbidden", "insufficient permissions"), 1.0, "403 insufficient", id="read-only"),
        pytest.param(
            refusal(404, "not found", 'bucket "picket" not found'), 1.0, '404 bucket "picket"', id="no-bucket"
        ),
        pytest.param((400, {}, b"Client sent an HTTP request to an HTTPS server."), 1.0, "400", id="wrong-port"),
        pytest.param((400, {}, b"<html>\n<b>400</b>\n</html>"), 1.0, "400 <html> <b>400", id="proxy-400"),
        pytest.param((502, {}, b"<html>\xff\xfe</html>"), 1.0, "utf-8", id="proxy-502-in-no-utf-8"),
        pytest.param((422, {}, b'{"message":"blocked"}'), 1.0, "422 blocked", id="gateway-422"),
        pytest.param((413, {}, b"<html>413</html>"), 1.0, "413", id="too-large-for-a-proxy-that-takes-nothing"),
        pytest.param((301, {"Location": "http://127.0.0.1:9/"}, b""), 1.0, "301", id="redirect"),
        pytest.param((307, {"Location": "http://127.0.0.1:9/"}, b""), 1.0, "307", id="redirect-with-the-body"),
    ],
)
def test_a_failure_commits_nothing_and_is_tried_again(
    desk: Desk, database: InfluxDB, answer: Any, pause: float, told: str
) -> None:
    database.answers.append(answer)

    assert desk.give(event(1)) == "paused"

    assert desk.reader.paused == [pause]
    assert told in desk.faults["influxdb"]
    assert "\n" not in desk.faults["influxdb"]
    assert desk.give(event(1)) == "committed"
    assert (desk.faults, desk.recording.written) == ({}, 1)


def test_retry_after_may_be_a_date(desk: Desk, database: InfluxDB) -> None:
    in_a_while = datetime.fromtimestamp(time.time() + 120, UTC)
    database.answers.append((503, {"Retry-After": format_datetime(in_a_while, usegmt=True)}, b""))

    desk.give(event(1))

    assert 60 < desk.reader.paused[0] <= 120


@pytest.mark.parametrize(
    ("url", "token"),
    [
        pytest.param("http://127.0.0.1:9", "t0k3n", id="nobody-there"),
        pytest.param("https://127.0.0.1:9", "t0k3n", id="nobody-there-by-tls"),
        pytest.param("http://no-such-host.invalid", "t0k3n", id="no-such-name"),
        pytest.param("DATABASE", "t0k3n", id="wrong-token"),
        pytest.param("DATABASE", TOKEN + "\u2026", id="token-that-no-header-can-say"),
        pytest.param("DATABASE", "t0k3n\nX: y", id="token-of-two-lines"),
        pytest.param("https DATABASE", "t0k3n", id="tls-to-a-port-without"),
    ],
)
def test_no_text_has_the_token(
    tmp_path: Path, database: InfluxDB, caplog: pytest.LogCaptureFixture, url: str, token: str
) -> None:
    url = url.replace("https DATABASE", database.url.replace("http:", "https:")).replace("DATABASE", database.url)
    with caplog.at_level(logging.DEBUG), speaking_with(tmp_path, url, token) as desk:
        assert desk.give(event(1)) == "paused"

        texts = caplog.text + str(desk.faults)
    assert desk.faults["influxdb"]
    assert not [secret for secret in (token, repr(token)[1:-1]) if secret in texts]


def test_a_proxy_that_takes_no_large_body_gets_halves(desk: Desk, database: InfluxDB) -> None:
    database.answers.append((413, {}, b"<html>413 Request Entity Too Large</html>"))

    assert desk.give(event(1), event(2)) == "committed"

    assert (desk.recording.written, desk.recording.not_written, database.writes) == (2, {}, 3)


def test_one_bad_point_of_a_thousand_costs_some_twenty_writes(desk: Desk, database: InfluxDB) -> None:
    desk.give(event(1))
    database.writes = 0
    good = [reading(n, pm25=1.0) for n in range(2, 1000)]

    assert desk.give(*good, reading(1000, kind="input", id=1.0)) == "committed"

    assert (desk.recording.written, desk.recording.not_written) == (999, {"refused": 1})
    assert len(database.query("SELECT pm25 FROM air")) == 998
    assert database.writes <= 22


def test_a_batch_of_bad_points_is_one_write(desk: Desk, database: InfluxDB) -> None:
    desk.give(event(1))
    database.writes = 0

    assert desk.give(*(reading(n, kind="input", id=1.0) for n in range(2, 1002))) == "committed"

    assert (desk.recording.not_written, database.writes) == ({"refused": 1000}, 1)
    assert desk.faults["points"].startswith("1000 rejected: reading.s")


def test_bad_points_among_good_ones_are_found_as_runs(desk: Desk, database: InfluxDB) -> None:
    desk.give(event(1))
    database.writes = 0
    mixed = [reading(n, kind="input", id=1.0) if n % 2 else reading(n, pm25=1.0) for n in range(2, 1002)]

    assert desk.give(*mixed) == "committed"

    assert desk.recording.not_written == {"refused": 500}
    assert len(database.query("SELECT pm25 FROM air")) == 500
    assert database.writes < 50


def test_a_disk_that_takes_no_rejected_points_is_said_once_and_what_is_lost_is_counted(
    desk: Desk, tmp_path: Path
) -> None:
    in_the_way = tmp_path / "recorder-rejected.jsonl"
    in_the_way.mkdir()

    assert desk.give(NONSENSE, NONSENSE, event(1)) == "committed"

    assert "can't be kept" in desk.faults["rejected points"]
    assert desk.recording.not_written == {"unwritable": 2, "not_kept": 2}
    in_the_way.rmdir()
    desk.give(NONSENSE, event(2))
    assert "rejected points" not in desk.faults
    assert len((tmp_path / "recorder-rejected.jsonl").read_text().splitlines()) == 1


def test_a_server_that_does_not_answer_is_a_fault_and_holds_up_no_turn_of_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picket_recorder.influx.TIMEOUT_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with speaking_with(tmp_path, url) as desk:
            desk.recording.deliver(Batch([event(1)], 1))
            desk.runtime.loop.turn(0)
            assert desk.faults == {}

            desk.until(lambda: desk.reader.paused == [1.0])

            assert "timed out" in desk.faults["influxdb"]


def test_an_answer_that_comes_byte_by_byte_is_a_fault_in_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picket_recorder.recording.PATIENCE_SECONDS", 0.5)
    with Dripping() as dripping, speaking_with(tmp_path, dripping.url) as desk:
        desk.recording.deliver(Batch([event(1)], 1))

        desk.until(lambda: "has not dealt with a batch" in desk.faults.get("influxdb", ""))
        assert (desk.reader.paused, desk.reader.committed) == ([], [])


def test_latency_is_that_of_edges_that_waited_for_no_outage(desk: Desk, database: InfluxDB) -> None:
    summary = desk.runtime.health.figures
    database.answers.append((500, {}, b""))
    desk.give(event(1, time.time_ns()))
    desk.give(event(1, time.time_ns()), event(2, YESTERDAY))
    assert summary()["edge_to_influxdb_ms"] == {"count": 0}

    desk.give(event(3, time.time_ns()), event(4, YESTERDAY))
    assert summary()["edge_to_influxdb_ms"]["count"] == 1
    assert 0 < summary()["edge_to_influxdb_ms"]["p50"] < 60_000

    desk.give(*(event(number, time.time_ns()) for number in range(5, 5 + LIMIT)))
    assert summary()["edge_to_influxdb_ms"]["count"] == 1
