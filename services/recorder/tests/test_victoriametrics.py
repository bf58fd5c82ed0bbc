"""The recorder, a real hub and a real VictoriaMetrics: what it keeps of what InfluxDB would."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from picket.bus.journal import Entry
from picket.config.schema import Recorder
from picket.messages import InputEvent, Reading
from picket_recorder.influx import Influx
from picket_recorder.points import Point
from tests.servers.release import Release
from tests.servers.victoriametrics import OLDEST, VictoriaMetrics, program
from tests.servers.waiting import wait_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not program(), reason=f"NO VICTORIAMETRICS >= {OLDEST}: tests/prepare.sh could not get it"),
]

ENTRY = Entry(1, "reading.attic", b"")
TIME = (time.time_ns() // 10**9 - 86_400) * 10**9 + 123_456_000  # it refuses what is days ahead of its clock


def reading(number: int, kind: str = "air", time_ns: int = TIME, **values: float) -> tuple[str, Reading]:
    return "reading.attic", Reading(time_ns=time_ns, source="attic", kind=kind, values=values or {"t": float(number)})


@pytest.fixture
def database(tmp_path: Path) -> Iterator[VictoriaMetrics]:
    with VictoriaMetrics(tmp_path / "victoria", "-dedup.minScrapeInterval=1ms") as running:
        yield running


@pytest.fixture
def release(tmp_path: Path, database: VictoriaMetrics) -> Iterator[Release]:
    with Release(tmp_path, recorder={"url": database.url}) as running:
        running.start_hub()
        yield running


def test_numbers_arrive_with_their_time_in_milliseconds(release: Release, database: VictoriaMetrics) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    event = InputEvent(
        time_ns=TIME, id="e1", type="new", input="hall", zone="alarm", began_at=at, why="2 pulses", pulses=2,
    )  # fmt: skip
    release.publish(("event.input.hall", event), reading(1), reading(2, time_ns=TIME + 1_000_000))

    release.start("picket_recorder")

    wait_for(
        "the readings",
        lambda: [s for _, s in database.samples("air_t")] == [[(TIME // 10**6, 1), (TIME // 10**6 + 1, 2)]],
    )
    labels = {"device": "test", "input": "hall", "zone": "alarm", "type": "new"}
    assert database.samples("input_pulses") == [({"__name__": "input_pulses", **labels}, [(TIME // 10**6, 2)])]
    assert database.samples("input_why") == [({"__name__": "input_why", **labels}, [(TIME // 10**6, 0)])]


def test_what_is_written_again_is_one_sample_and_so_is_what_is_of_one_millisecond(database: VictoriaMetrics) -> None:
    points = [Point(f"air,source=attic t={value} {TIME + value * 1_000}", ENTRY) for value in (1, 3, 2)]
    influx = Influx(Recorder(url=database.url))

    assert influx.write(points) + influx.write(points) == []

    assert last(database) == [(TIME // 10**6, 3)]


def test_the_one_line_that_it_refuses_is_split_off(database: VictoriaMetrics) -> None:
    points = [Point(f"air,source=attic t={n} {TIME + n * 10**6}", ENTRY) for n in range(20)]
    bad = Point("air,source=attic t", ENTRY)

    rejected = Influx(Recorder(url=database.url)).write([*points, bad])

    assert [(one.line, "missing field value" in one.why) for one in rejected] == [(bad.line, True)]
    assert len(last(database)) == 20


def last(database: VictoriaMetrics) -> list[tuple[int, float]]:
    found = database.samples("air_t")
    return found[0][1] if found else []


def test_an_outage_loses_nothing(release: Release, database: VictoriaMetrics) -> None:
    database.stop()
    release.start("picket_recorder")
    release.publish(*(reading(n, time_ns=TIME + n * 10**6) for n in range(1500)))
    wait_for("the fault", lambda: [one for one in release.journal("fault.recorder") if b"influxdb" in one.body])

    database.start()

    wait_for("all of it", lambda: len(last(database)) == 1500, 90)
    assert last(database) == [(TIME // 10**6 + n, n) for n in range(1500)]
