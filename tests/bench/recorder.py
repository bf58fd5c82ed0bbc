"""What the recorder takes from the journal to InfluxDB: points a second, by the server's clock.

The peer is influxdb-client's own batching writer with its defaults (1,000 points a write, as here, in a thread of its
own) in a process that has all messages in memory: no journal, no hub, nothing kept until the server has it. It is given
its own Points, as its documentation does, and then lines that are ready made, which leaves only its batching.
"""

import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point

from picket.messages import Reading
from picket_recorder.points import line
from tests.bench.figures import Figure, p50, progress
from tests.servers.influxdb import InfluxDB
from tests.servers.release import Release
from tests.servers.waiting import wait_for

MESSAGES = 40_000
ROUNDS = 3
CHUNK = 2_000  # well below what a producer would begin to drop at
SOURCES = 8
PATIENCE_SECONDS = 120.0


def run() -> Iterator[Figure]:
    """Measure the recorder and its peer in turn, at the same server."""
    rates: dict[str, list[float]] = {"": [], **{way: [] for way in PEERS}}
    with TemporaryDirectory(prefix="picket-bench-") as name, InfluxDB(Path(name) / "influxdb") as database:
        for number in range(ROUNDS):
            progress(f"  {MESSAGES} readings by the recorder, then by influxdb-client, {number + 1} of {ROUNDS}")
            rates[""].append(by_the_recorder(Path(name) / str(number), database))
            for way, peer in PEERS.items():
                process = get_context("spawn").Process(target=peer, args=(database.url, database.token), daemon=True)
                rates[way].append(points_per_second(database, process.start))
                process.join(PATIENCE_SECONDS)
    for way in PEERS:
        yield Figure(
            case=f"{MESSAGES} readings from the journal, commits included",
            metric="points_per_second",
            value=p50(rates[""]),
            unit="1/s",
            against=f"influxdb-client's batching writer, of {way} in memory",
            ratio=p50([ours / theirs for ours, theirs in zip(rates[""], rates[way], strict=True)]),
        )


def by_the_recorder(folder: Path, database: InfluxDB) -> float:
    """Return points a second of a journal that is full when the recorder starts."""
    folder.mkdir()
    with Release(folder, recorder={"url": database.url}) as release:
        release.environment["INFLUX_TOKEN"] = database.token
        release.start_hub()
        for first in range(0, MESSAGES, CHUNK):
            release.publish(*(("reading.bench", reading(number)) for number in range(first, first + CHUNK)))
        return points_per_second(database, lambda: release.start("picket_recorder"))


def reading(number: int) -> Reading:
    """Make one of some sources' readings."""
    values: dict[str, float | None] = {"pm25": 7.4 + number % 10, "pm10": 12.9, "age_seconds": 0.2}
    time_ns = 1_795_000_000_000_000_000 + number * 1_000_000
    return Reading(time_ns=time_ns, device="test", source=f"bench{number % SOURCES}", kind="air", values=values)


def points_per_second(database: InfluxDB, begin: Callable[[], object]) -> float:
    """Return the rate from the first write's arrival to the last one's end, of a server that was empty."""
    database.query(f'DROP DATABASE "{database.bucket}"')
    database.query(f'CREATE DATABASE "{database.bucket}"')
    database.writes = database.lines_taken = 0
    begin()
    wait_for("the first write", lambda: database.writes, PATIENCE_SECONDS)
    began = time.monotonic()
    wait_for("the last write", lambda: database.lines_taken >= MESSAGES, PATIENCE_SECONDS)
    seconds = time.monotonic() - began
    stored = database.query("SELECT count(pm25) FROM air")[0]["count"]
    assert stored == MESSAGES, f"{stored} of {MESSAGES} points are in InfluxDB"
    return MESSAGES / seconds


def write_points(url: str, token: str) -> None:
    """Write as influxdb-client's documentation shows."""
    messages = [reading(number) for number in range(MESSAGES)]
    with InfluxDBClient(url, token, org="picket") as client, client.write_api() as writer:
        for message in messages:
            point: Any = Point(message.kind)  # type: ignore[no-untyped-call]
            point.tag("device", message.device).tag("source", message.source).time(message.time_ns)
            for name, value in message.values.items():
                point.field(name, value)
            writer.write("picket", "picket", point)


def write_lines(url: str, token: str) -> None:
    """Write what no line has to be made for any more."""
    lines = [line(reading(number)) for number in range(MESSAGES)]
    with InfluxDBClient(url, token, org="picket") as client, client.write_api() as writer:
        for one in lines:
            writer.write("picket", "picket", one)


PEERS = {"Points": write_points, "lines ready made": write_lines}
