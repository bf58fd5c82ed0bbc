"""Take a consumer's messages to one address in order, and its cursor on only past what is dealt with."""

import time
from collections.abc import Callable, Collection
from typing import Any, Protocol

from picket.backoff import Backoff
from picket.bus.journal import Batch, Entry, Query
from picket.errors import PicketError, WireError
from picket.messages import Fault, Message, decode
from picket.service import Runtime
from picket_notifier.scrub import Scrubber

WAIT_SECONDS = 10.0
MOST_TEXT = 300


class AwayError(PicketError, ConnectionError):
    """The address did not take it now: it is to be tried again, after `retry_seconds` if it said so."""

    def __init__(self, text: str, retry_seconds: float | None = None) -> None:
        """Say why."""
        super().__init__(text[:MOST_TEXT])
        self.retry_seconds = retry_seconds


class RefusedError(PicketError, ValueError):
    """The address will never take this one."""


class Outlet(Protocol):
    """An address, and what it is told."""

    name: str
    topics: tuple[str, ...]

    def draft(self, message: Message, now: float, wall_ns: int) -> Any:
        """Return what to send for a message, or None."""

    def due(self, now: float, wall_ns: int) -> Any:
        """Return what is to be sent with no new message, or None."""

    def send(self, draft: Any, now: float) -> None:
        """Send it; raises AwayError or RefusedError."""


class Delivery:
    """The consumer "notifier-<name>" of the journal; it sends one thing a turn, so that the loop goes on turning."""

    def __init__(self, runtime: Runtime, outlet: Outlet, wall_ns: Callable[[], int] = time.time_ns) -> None:
        """Read on from the stored cursor, at the first start from now on."""
        self._outlet = outlet
        self._scrubber = Scrubber(runtime.config)
        self._health = runtime.health
        self._now = runtime.loop.now
        self._wall_ns = wall_ns
        self._resume_at = self._now()
        self._backoff = Backoff()
        self.sent = self.refused = self.skipped = 0
        query = Query(outlet.topics, consumer=f"notifier-{outlet.name}", start="latest", wait_seconds=WAIT_SECONDS)
        self._reader = runtime.read_journal(query, self.deliver)
        runtime.loop.every(1.0, self.send_due)
        runtime.health.figure(f"{outlet.name}_sent", lambda: self.sent)
        runtime.health.figure(f"{outlet.name}_refused", lambda: self.refused)
        runtime.health.figure(f"{outlet.name}_skipped", lambda: self.skipped)

    def deliver(self, batch: Batch) -> None:
        """Send for the first entry that asks for it, and commit up to there, or come back to it later."""
        done = 0
        for entry in batch.entries:
            draft = self._draft(entry)
            if draft is not None and not self._send(draft):
                if done:
                    self._reader.commit(done)
                self._reader.pause(self._resume_at - self._now())
                return
            done = entry.id
            if draft is not None:
                self._reader.commit(done)
                return
        self._reader.commit(batch.cursor)

    def send_due(self) -> None:
        """Send what is to be sent with no new message."""
        draft = self._outlet.due(self._now(), self._wall_ns())
        if draft is not None:
            self._send(draft)

    def _draft(self, entry: Entry) -> Any:
        try:
            message = decode(entry.topic, entry.body)
        except WireError:
            self.skipped += 1
            return None
        if isinstance(message, Fault):
            message = self._scrubber.fault(message)
        return self._outlet.draft(message, self._now(), self._wall_ns())

    def _send(self, draft: Any) -> bool:
        """Send, and tell whether it is dealt with."""
        if self._now() < self._resume_at:
            return False
        try:
            self._outlet.send(draft, self._now())
        except AwayError as error:
            self._resume_at = self._now() + self._backoff.next_seconds(error.retry_seconds)
            self._health.begin(self._outlet.name, self._scrubber.text(str(error)))
            return False
        except RefusedError as error:
            self.refused += 1
            self._health.begin(self._outlet.name, self._scrubber.text(f"refused, and left out: {error}"))
        else:
            self.sent += 1
            self._health.end(self._outlet.name)
        self._backoff.reset()
        return True


def judge(status: int, text: str, retry_seconds: float | None, away: Collection[int] = ()) -> None:
    """Raise AwayError or RefusedError for a status that is no success; `away` are the 4xx that a person can mend."""
    if 200 <= status < 300:
        return
    if status < 400 or status >= 500 or status in (408, 429, *away):
        raise AwayError(f"{status} {text}", retry_seconds)
    raise RefusedError(f"{status} {text}"[:MOST_TEXT])
