"""Take a part of the journal to Slack: what is read is remembered on disk, and then committed."""

import time
from collections.abc import Callable
from datetime import tzinfo
from pathlib import Path

from picket.bus.journal import Batch, Query
from picket.errors import WireError
from picket.messages import Fault, decode
from picket.service import Runtime
from picket_notifier import remembered
from picket_notifier.alerts import Alerts
from picket_notifier.remembered import Remembered
from picket_notifier.scrub import Scrubber
from picket_notifier.slack import Slack
from picket_notifier.wording import word

WAIT_SECONDS = 10.0
TICK_SECONDS = 1.0
# While much is held, entries are read in larger and larger batches: the file is written once a batch.
SHORTEST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 4.0


class Channel:
    """The consumer "notifier-<name>" of the journal; it sends one message a turn, so that the loop goes on turning."""

    def __init__(
        self,
        runtime: Runtime,
        name: str,
        topics: tuple[str, ...],
        alerts: Alerts,
        slack: Slack,
        zone: tzinfo,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Read on from the stored cursor, at the first start from now on."""
        self._name = name
        self._alerts = alerts
        self._slack = slack
        self._zone = zone
        self._wall_ns = wall_ns
        self._scrubber = Scrubber(runtime.config)
        self._health = runtime.health
        self._now = runtime.loop.now
        self._pause_seconds = SHORTEST_PAUSE_SECONDS
        self._file = Path(runtime.config.data_dir) / f"notifier-{name}.json"
        self._known = remembered.load(self._file)
        if self._known:
            age_seconds = max(0.0, (wall_ns() - self._known.taken_ns) / 1e9)
            alerts.recall(self._known.memory, age_seconds, self._now())
        self.sent = self.skipped = 0
        query = Query(topics, consumer=f"notifier-{name}", start="latest", wait_seconds=WAIT_SECONDS)
        self._reader = runtime.read_journal(query, self.deliver)
        runtime.loop.every(TICK_SECONDS, self.send_due)
        runtime.health.figure(f"{name}_sent", lambda: self.sent)
        runtime.health.figure(f"{name}_held", lambda: self._alerts.held)
        runtime.health.figure(f"{name}_skipped", lambda: self.skipped)

    def deliver(self, batch: Batch) -> None:
        """Take in a batch, say what is due, and remember what is left before the batch is committed."""
        new = self._known.new(batch.entries) if self._known else batch.entries
        for entry in new:
            try:
                message = decode(entry.topic, entry.body)
            except WireError:
                self.skipped += 1
                continue
            if isinstance(message, Fault):
                message = self._scrubber.fault(message)
            if (told := word(message, self._zone)) is not None:
                self._alerts.hear(told, self._now())
        said = self._send()
        last = batch.entries[-1]
        self._remember(last.id, remembered.checksum(last))
        self._reader.commit(batch.cursor)
        if said or not self._alerts.held:
            self._pause_seconds = SHORTEST_PAUSE_SECONDS
        else:
            self._reader.pause(self._pause_seconds)
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)

    def send_due(self) -> None:
        """Say what is due with no new message."""
        if self._send():
            known = self._known
            self._remember(known.last_id if known else 0, known.last_sum if known else 0)

    def _send(self) -> bool:
        now = self._now()
        if not self._slack.ready(now):
            return False
        alert = self._alerts.due(now, self._wall_ns())
        if alert is None or not self._slack.send(alert.text, now):
            return False
        self._alerts.said(alert, self._now())
        self.sent += 1
        return True

    def _remember(self, last_id: int, last_sum: int) -> None:
        self._known = Remembered(self._wall_ns(), last_id, last_sum, self._alerts.memory(self._now()))
        try:
            remembered.save(self._file, self._known)
        except OSError as error:
            # What is held is in memory still, and what comes next must not wait for a disk that is full.
            self._health.begin(f"{self._name} file", f"{self._file.name} can't be written: {error.strerror}")
        else:
            self._health.end(f"{self._name} file")
