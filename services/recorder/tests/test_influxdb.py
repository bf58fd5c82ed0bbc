"""The recorder, a real hub and a real InfluxDB."""

import json
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Fault, InputEvent, Reading, ThresholdEvent, decode
from tests.servers.dripping import Dripping
from tests.servers.influxdb import InfluxDB, refusal
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

YESTERDAY = 1_795_000_000_123_456_000


def event(number: int) -> tuple[str, InputEvent]:
    return "event.input.hall", InputEvent(
        time_ns=YESTERDAY + number * 1_000_007_000,
        id=f"e{number}",
        type="new",
        input="hall",
        zone="alarm",
        began_at=datetime(2026, 11, 20, tzinfo=UTC),
        why="2 pulses in 5 s",
    )


def reading(number: int, kind: str = "air", **values: float | None) -> tuple[str, Reading]:
    values = values or {"pm25": float(number), "pm10": None}
    return "reading.sds011", Reading(time_ns=YESTERDAY + number * 1_000, source="sds011", kind=kind, values=values)


def microsecond(row: dict[str, Any]) -> int:
    return int(row["time"]) // 1_000 * 1_000


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
    assert [(microsecond(row), row["id"], row["device"]) for row in events] == [
        (message.time_ns, message.id, "test") for _, message in map(event, range(300))
    ]
    assert [(microsecond(row), row["pm25"]) for row in readings] == [(YESTERDAY + n * 1_000, n) for n in range(300)]


def test_a_recorder_that_is_killed_goes_on_where_it_was(release: Release, database: InfluxDB) -> None:
    release.start("picket_recorder")
    release.publish(*map(event, range(2000)))
    wait_for("some of it in InfluxDB", lambda: database.writes >= 2)

    release.kill("picket_recorder")
    release.start("picket_recorder")

    wait_for("all of it in InfluxDB", lambda: len(database.query("SELECT id FROM input")) == 2000)
    assert len({row["id"] for row in database.query("SELECT id FROM input")}) == 2000


def test_whatever_the_server_answers_is_one_fault_and_no_loss(release: Release, database: InfluxDB) -> None:
    soon = {"Retry-After": "1"}
    answers = [
        refusal(401, "unauthorized", f"unauthorized access by {database.token}"),
        refusal(404, "not found", 'bucket "picket" not found'),
        (429, soon, b""),
        (503, {"Retry-After": "Sat, 21 Nov 2020 18:00:00 GMT"}, b""),
        (502, soon, b"<html>502 Bad Gateway</html>"),
        (301, {**soon, "Location": "http://127.0.0.1:9/"}, b""),
    ]
    database.answers.extend(answers)
    release.publish(*map(event, range(20)))

    release.start("picket_recorder")

    wait_for("the fault's end", lambda: faults(release, "influxdb") == ["begin", "end"], 90)
    assert [row["id"] for row in database.query("SELECT id FROM input")] == [f"e{n}" for n in range(20)]
    assert not database.answers
    everything = release.log("picket_recorder") + repr(release.journal("fault."))
    assert ("401" in everything, database.token in everything) == (True, False)


def test_a_threshold_is_a_point(release: Release, database: InfluxDB) -> None:
    began_at = datetime(2026, 11, 20, tzinfo=UTC)
    warm = ThresholdEvent(
        time_ns=YESTERDAY, id="t1", type="new", threshold="warm", source="attic", quantity="temperature_c",
        value=31.5, began_at=began_at, why="above 30",
    )  # fmt: skip
    release.publish(("event.threshold.warm", warm))

    release.start("picket_recorder")

    rows = wait_for("the point", lambda: database.query("SELECT * FROM threshold"))
    assert [(row["threshold"], row["source"], row["value"], row["active"]) for row in rows] == [
        ("warm", "attic", 31.5, 1)
    ]


def test_messages_of_one_moment_all_have_a_point(release: Release, database: InfluxDB) -> None:
    moment = reading(1)[1].time_ns
    same = [
        ("reading.sds011", Reading(time_ns=moment, source="sds011", kind="air", values={"n": n}))
        for n in map(float, range(9))
    ]
    release.publish(*same)

    release.start("picket_recorder")

    wait_for("all of them", lambda: len(database.query("SELECT n FROM air")) == 9)


def test_a_hub_that_is_killed_meanwhile_loses_and_repeats_nothing(release: Release, database: InfluxDB) -> None:
    release.publish(*map(event, range(5000)))
    release.start("picket_recorder")
    wait_for("some of it in InfluxDB", lambda: database.writes >= 2)

    release.kill("picket_hub")
    release.start_hub()

    wait_for("all of it in InfluxDB", lambda: len(database.query("SELECT id FROM input")) == 5000, 90)
    assert [row["id"] for row in database.query("SELECT id FROM input")] == [f"e{n}" for n in range(5000)]


def test_sigterm_ends_a_recorder_that_waits_for_an_answer(release: Release) -> None:
    with Dripping() as server:
        release.environment["INFLUX_URL"] = server.url
        release.publish(event(0))
        recorder = release.start("picket_recorder")
        wait_for("the write", lambda: server.connections)

        recorder.send_signal(signal.SIGTERM)

        assert recorder.wait(15) == 0


def test_bad_points_are_put_aside_and_hold_up_nothing(release: Release, database: InfluxDB) -> None:
    release.publish(event(0), reading(1), reading(2, kind=""), reading(3, kind="input", id=4.0), reading(5))

    release.start("picket_recorder")

    wait_for("the fault", lambda: faults(release, "points") == ["begin"])
    assert [row["pm25"] for row in database.query("SELECT * FROM air")] == [1, 5]
    assert [row["id"] for row in database.query("SELECT * FROM input")] == ["e0"]
    kept = [json.loads(line) for line in (release.folder / "data/recorder-rejected.jsonl").read_text().splitlines()]
    journal = {entry.id: entry.topic for entry in release.journal("reading.")}
    assert {line["id"]: line["topic"] for line in kept}.items() <= journal.items()
    assert ["field type conflict" in kept[0]["why"], "no name" in kept[1]["why"]] == [True, True]
    assert kept[0]["line"].startswith("input,device=test,source=sds011 id=4.0 ")
    assert json.loads(kept[1]["body"])["values"] == {"pm25": 2.0, "pm10": None}
    release.publish(event(6))
    wait_for("what came after them", lambda: len(database.query("SELECT id FROM input")) == 2)
    assert faults(release, "points") == ["begin"]
