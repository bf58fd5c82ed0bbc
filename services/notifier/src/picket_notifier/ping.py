"""Ping a healthchecks-style address while the guard is well: it is told when the pings stop."""

import threading
from http.client import HTTPException
from queue import SimpleQueue
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from picket.bus.journal import Query
from picket.messages import Health, Message
from picket.service import Runtime
from picket_notifier.scrub import Scrubber
from picket_notifier.vitals import Vitals

TIMEOUT_SECONDS = 5.0
CLIENT = "picket-notifier"
# Nothing is ever after this: the journal's answer is empty, and shows that its thread turns.
NOTHING = Query(topics=("fault.",), after=1 << 62, wait_seconds=5.0)


class Ping:
    """A GET every so often from a thread of its own: a resolver that hangs holds up nothing else."""

    def __init__(self, runtime: Runtime) -> None:
        """Wire itself onto the runtime."""
        config = runtime.config.notifier
        self._url = config.ping_url
        self._seconds = config.ping_seconds
        self._vitals = Vitals(runtime.config.inputs)
        self._now = runtime.loop.now
        self._health = runtime.health
        self._scrubber = Scrubber(runtime.config)
        self._due = self._now()
        self._under_way = False
        self._results: SimpleQueue[str] = SimpleQueue()
        self._reader = runtime.read_journal(NOTHING, lambda _: None)
        self.sent = 0
        runtime.hear(["health.hub", "health.gpio-input"], self._hear)
        runtime.loop.every(1.0, self._tick)
        runtime.health.figure("ping", lambda: self._ailment() or "well")
        runtime.health.figure("ping_sent", lambda: self.sent)

    def _hear(self, _topic: str, message: Message) -> None:
        if isinstance(message, Health):
            self._vitals.hear(message, self._now())

    def _ailment(self) -> str:
        if self._reader.answered_at is not None:
            self._vitals.answered(self._reader.answered_at)
        return self._vitals.ailment(self._now())

    def _tick(self) -> None:
        while not self._results.empty():
            self._take(self._results.get())
        if self._now() >= self._due and not self._under_way and not self._ailment():
            self._due = self._now() + self._seconds
            self._under_way = True
            threading.Thread(target=self._get, name="ping", daemon=True).start()

    def _take(self, trouble: str) -> None:
        self._under_way = False
        if trouble:
            self._health.begin("ping", self._scrubber.text(trouble))
        else:
            self.sent += 1
            self._health.end("ping")

    def _get(self) -> None:
        try:
            with urlopen(Request(self._url, headers={"User-Agent": CLIENT}), timeout=TIMEOUT_SECONDS):
                self._results.put("")
        except HTTPError as error:
            with error:
                self._results.put(f"{error.code} {error.reason}")
        except (OSError, HTTPException, ValueError) as error:
            self._results.put(f"{type(error).__name__}: {error}")
