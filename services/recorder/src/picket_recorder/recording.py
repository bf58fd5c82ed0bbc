"""Take the journal to InfluxDB: batch by batch, and on from a batch only when the server has taken it."""

import time
from collections import Counter, deque
from pathlib import Path
from typing import NamedTuple

from picket.backoff import Backoff
from picket.bus.journal import Batch, Query
from picket.errors import WireError
from picket.latency import Percentiles
from picket.messages import InputEvent, decode
from picket.service import Runtime
from picket_recorder.influx import AwayError, Influx
from picket_recorder.points import TOPICS, Point, line
from picket_recorder.rejected import Rejected, RejectedFile
from picket_recorder.writer import Writer

WAIT_SECONDS = 10.0
LIMIT = 1000
AHEAD = 2  # batches that are read and made while one is written
PATIENCE_SECONDS = 30.0
QUIET_SECONDS = 600.0
QUERY = Query(TOPICS, consumer="recorder", limit=LIMIT, wait_seconds=WAIT_SECONDS)


class Made(NamedTuple):
    """What a batch is: points, what can be none and why, how many say nothing, and when inputs' edges were."""

    batch: Batch
    points: list[Point]
    rejected: list[Rejected]
    empty: int
    edges_ns: list[int]


class Recording:
    """The consumer "recorder" of the journal."""

    def __init__(self, runtime: Runtime) -> None:
        """Read on from the stored cursor."""
        self._loop = runtime.loop
        self._health = runtime.health
        influx = Influx(runtime.config.recorder)
        runtime.closing.callback(influx.close)
        self._writer = Writer(influx, runtime.loop.wake, runtime.loop.fail)
        self._writer.start()
        self._backoff = Backoff()
        self._file = RejectedFile(Path(runtime.config.data_dir) / "recorder-rejected.jsonl")
        self._rejected_at = 0.0
        self._under_way: deque[Made] = deque()  # the first is being written
        self._in_time_since_ns = time.time_ns()
        self.written = 0
        self.not_written: Counter[str] = Counter()
        self._edge_ms = Percentiles()
        self._reader = runtime.read_journal(QUERY, self.deliver)
        runtime.loop.on_wake(self._take_outcome)
        runtime.loop.every(1.0, self._watch)
        runtime.loop.every(60.0, self._forgive)
        runtime.health.figure("points_written", lambda: self.written)
        runtime.health.figure("not_written", lambda: dict(self.not_written))
        runtime.health.figure("edge_to_influxdb_ms", self._edge_ms.summary)

    def deliver(self, batch: Batch) -> None:
        """Take a batch in; it is committed, or comes again later, by what becomes of it."""
        if len(self._under_way) < AHEAD:
            self._reader.read_ahead()
        self._under_way.append(make(batch))
        if len(self._under_way) == 1:
            self._writer.put(self._under_way[0].points)

    def _take_outcome(self) -> None:
        outcome = self._writer.outcome()
        if outcome is None:
            return
        if isinstance(outcome, AwayError):
            self._health.begin("influxdb", str(outcome))
            self._under_way.clear()
            self._reader.pause(self._backoff.next_seconds(outcome.retry_seconds))
            return
        made = self._under_way.popleft()
        if self._under_way:
            self._writer.put(self._under_way[0].points)
            self._reader.read_ahead()
        self._account(made, outcome)
        self._reader.commit(made.batch.cursor)

    def _account(self, made: Made, refused: list[Rejected]) -> None:
        if made.points:
            self._note_latency(made)
            self._health.end("influxdb")
            self._backoff.reset()
        self.written += len(made.points) - len(refused)
        self.not_written += Counter(refused=len(refused), unwritable=len(made.rejected), empty=made.empty)
        if refused or made.rejected:
            self._put_aside([*refused, *made.rejected])

    def _note_latency(self, made: Made) -> None:
        # What waited in the journal, for InfluxDB or behind what did, measures the outage and not the way.
        now_ns = time.time_ns()
        if "influxdb" in self._health.faults or len(made.batch.entries) == LIMIT:
            self._in_time_since_ns = now_ns
        for edge_ns in made.edges_ns:
            if edge_ns >= self._in_time_since_ns:
                self._edge_ms.add((now_ns - edge_ns) / 1e6)

    def _put_aside(self, rejected: list[Rejected]) -> None:
        self._rejected_at = self._loop.now()
        if "points" not in self._health.faults:  # the next ones are worded otherwise, and the file has them all
            self._health.begin("points", f"{len(rejected)} rejected: {rejected[0].entry.topic}: {rejected[0].why}")
        trouble = ""
        for one in rejected:
            try:
                self._file.keep(one)
            except OSError as error:
                self.not_written["not_kept"] += 1
                trouble = f"can't be kept: {error.strerror}"
        if trouble:
            self._health.begin("rejected points", trouble)
        else:
            self._health.end("rejected points", "can be kept again")

    def _watch(self) -> None:
        if self._writer.busy_seconds > PATIENCE_SECONDS and "influxdb" not in self._health.faults:
            self._health.begin("influxdb", f"has not dealt with a batch in {PATIENCE_SECONDS:g} s")

    def _forgive(self) -> None:
        # Not at the next good batch: the fault is a point too, and might be a bad one again and again.
        if self._loop.now() - self._rejected_at > QUIET_SECONDS:
            self._health.end("points", "none rejected for a while")


def make(batch: Batch) -> Made:
    """Make points of a batch."""
    made = Made(batch, [], [], 0, [])
    empty = 0
    for entry in batch.entries:
        try:
            message = decode(entry.topic, entry.body)
            text = line(message)
        except WireError as error:
            made.rejected.append(Rejected(entry, str(error)))
            continue
        if text is None:
            empty += 1
            continue
        made.points.append(Point(text, entry))
        if isinstance(message, InputEvent) and message.type == "new":
            made.edges_ns.append(message.time_ns)
    return made._replace(empty=empty)
