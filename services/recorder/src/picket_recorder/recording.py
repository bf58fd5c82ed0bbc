"""Take the journal to InfluxDB: batch by batch, and on from a batch only when the server has taken it."""

import logging
from pathlib import Path

from picket.backoff import Backoff
from picket.bus.journal import Batch, Query
from picket.errors import WireError
from picket.service import Runtime
from picket_recorder.influx import AwayError, Influx, Rejected
from picket_recorder.points import TOPICS, Point, apart, point
from picket_recorder.rejected import RejectedFile

WAIT_SECONDS = 10.0
QUIET_SECONDS = 600.0

log = logging.getLogger("recorder")


class Recording:
    """The consumer "recorder" of the journal."""

    def __init__(self, runtime: Runtime) -> None:
        """Read on from the stored cursor."""
        self._loop = runtime.loop
        self._health = runtime.health
        self._influx = Influx(runtime.config.recorder)
        runtime.closing.callback(self._influx.close)
        self._backoff = Backoff()
        self._rejected = RejectedFile(Path(runtime.config.data_dir) / "recorder-rejected.jsonl")
        self._rejected_at = 0.0
        self.written = self.rejected = self.skipped = 0
        self._reader = runtime.read_journal(Query(TOPICS, consumer="recorder", wait_seconds=WAIT_SECONDS), self.deliver)
        runtime.health.figure("points_written", lambda: self.written)
        runtime.health.figure("points_rejected", lambda: self.rejected)
        runtime.health.figure("messages_skipped", lambda: self.skipped)
        runtime.loop.every(60.0, self._forgive)

    def deliver(self, batch: Batch) -> None:
        """Write one batch, and commit it or come back to it later."""
        points, skipped = _points(batch)
        try:
            rejected = self._influx.write([str(one) for one in points])
        except AwayError as error:
            self._health.begin("influxdb", str(error))
            self._reader.pause(self._backoff.next_seconds(error.retry_seconds))
            return
        self._health.end("influxdb")
        self._backoff.reset()
        if rejected:
            self._put_aside(rejected)
        self.written += len(points) - len(rejected)
        self.skipped += skipped
        self._reader.commit(batch.cursor)

    def _put_aside(self, rejected: list[Rejected]) -> None:
        self.rejected += len(rejected)
        self._rejected_at = self._loop.now()
        if "points" not in self._health.faults:  # the next ones are worded otherwise, and the file has them all
            self._health.begin("points", f"{len(rejected)} rejected: {rejected[0].why}")
        try:
            self._rejected.append(rejected)
        except OSError as error:
            log.error("rejected points can't be kept: %s", error.strerror)

    def _forgive(self) -> None:
        # Not at the next good batch: the fault is a point too, and might be a bad one again and again.
        if self._loop.now() - self._rejected_at > QUIET_SECONDS:
            self._health.end("points", "none rejected for a while")


def _points(batch: Batch) -> tuple[list[Point], int]:
    """Return the batch's points, and how many messages of it are none that can be read."""
    points, skipped = [], 0
    for entry in batch.entries:
        try:
            made = point(entry.topic, entry.body)
        except WireError:
            skipped += 1
            continue
        if made:
            points.append(made)
    return apart(points), skipped
