"""Take the journal's faults to Sentry in order, and the cursor on only past what is dealt with."""

from picket.backoff import Backoff
from picket.bus.journal import Batch, Entry, Query
from picket.errors import WireError
from picket.messages import Fault, decode
from picket.service import Runtime
from picket_notifier import reports
from picket_notifier.answers import AwayError, RefusedError
from picket_notifier.repeats import Repeats
from picket_notifier.scrub import Scrubber
from picket_notifier.sentry import Sentry

WAIT_SECONDS = 10.0


class Spool:
    """The consumer "notifier-sentry" of the journal; it sends one event a turn, so that the loop goes on turning."""

    def __init__(self, runtime: Runtime, sentry: Sentry) -> None:
        """Read on from the stored cursor, at the first start from now on."""
        self._sentry = sentry
        self._scrubber = Scrubber(runtime.config)
        self._health = runtime.health
        self._now = runtime.loop.now
        self._resume_at = self._now()
        self._backoff = Backoff()
        self._repeats = Repeats()
        self.sent = self.refused = self.skipped = self.left_out = 0
        query = Query(reports.TOPICS, consumer="notifier-sentry", start="latest", wait_seconds=WAIT_SECONDS)
        self._reader = runtime.read_journal(query, self.deliver)
        runtime.health.figure("sentry_sent", lambda: self.sent)
        runtime.health.figure("sentry_refused", lambda: self.refused)
        runtime.health.figure("sentry_left_out", lambda: self.left_out)
        runtime.health.figure("sentry_skipped", lambda: self.skipped)

    def deliver(self, batch: Batch) -> None:
        """Send for the first entry that asks for it, and commit up to there, or come back to it later."""
        done = 0
        for entry in batch.entries:
            fault = self._fault(entry)
            if fault is None:
                done = entry.id
                continue
            at = fault.time_ns / 1e9
            left_out = self._repeats.left_out(reports.key(fault), at)
            if left_out is None:
                self.left_out += 1
                done = entry.id
                continue
            if self._send(fault, left_out):
                self._repeats.sent(reports.key(fault), at)
                self._reader.commit(entry.id)
                return
            if done:
                self._reader.commit(done)
            self._reader.pause(self._resume_at - self._now())
            return
        self._reader.commit(batch.cursor)

    def _fault(self, entry: Entry) -> Fault | None:
        try:
            fault = reports.for_sentry(decode(entry.topic, entry.body))
        except WireError:
            self.skipped += 1
            return None
        return fault and self._scrubber.fault(fault)

    def _send(self, fault: Fault, left_out: int) -> bool:
        """Send, and tell whether it is dealt with."""
        if self._now() < self._resume_at:
            return False
        try:
            self._sentry.send(fault, left_out)
        except AwayError as error:
            self._resume_at = self._now() + self._backoff.next_seconds(error.retry_seconds)
            self._health.begin("sentry", self._scrubber.text(str(error)))
            return False
        except RefusedError as error:
            self.refused += 1
            self._health.begin("sentry", self._scrubber.text(f"refused, and left out: {error}"))
        else:
            self.sent += 1
            self._health.end("sentry")
        self._backoff.reset()
        return True
