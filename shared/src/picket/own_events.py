"""Read a service's own events back from the journal: what has begun and not ended is found after a restart."""

from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from picket.bus.journal import Batch, Query
from picket.errors import WireError
from picket.messages import InputEvent, ThresholdEvent, decode
from picket.service import Runtime

MOST_AT_ONCE = 1000
LOOK_AGAIN_SECONDS = 600.0

Event = TypeVar("Event", InputEvent, ThresholdEvent)


class OwnEvents(Generic[Event]):
    """Reads the journal to its end, and now and then again, so that the next process has little to read.

    `read(event, number)` is called for each event, then `at_end()`; `settled(cursor)` says from where the next process
    is to read.
    """

    def __init__(
        self,
        runtime: Runtime,
        topic: str,
        kind: type[Event],
        read: Callable[[Event, int], None],
        settled: Callable[[int], int],
        at_end: Callable[[], None],
    ) -> None:
        """Begin at the cursor that the last process left."""
        self._kind: type[Event] = kind
        self._read: Callable[[Event, int], None] = read
        self._settled = settled
        self._at_end = at_end
        query = Query(topics=(topic,), consumer=runtime.name, limit=MOST_AT_ONCE)
        self._reader = runtime.read_journal(query, self._deliver)

    def _deliver(self, batch: Batch) -> None:
        for entry in batch.entries:
            with suppress(WireError):
                event = decode(entry.topic, entry.body)
                if isinstance(event, self._kind):
                    self._read(event, entry.id)
        if len(batch.entries) == MOST_AT_ONCE:
            self._reader.commit(batch.cursor)  # even past what goes on: the next read begins at the stored cursor
            return
        self._reader.progress(self._settled(batch.cursor))
        self._reader.pause(LOOK_AGAIN_SECONDS)
        self._at_end()


class Unended(Generic[Event]):
    """A pure machine over the journal's events, in their order; hearing some of them again changes nothing."""

    def __init__(self) -> None:
        """Begin knowing none."""
        self._open: dict[str, tuple[int, Event]] = {}

    def read(self, event: Event, number: int) -> None:
        """Take in the journal's entry `number`."""
        if event.type == "new":
            self._open[event.id] = (number, event)
        elif event.type == "end":
            self._open.pop(event.id, None)

    def events(self) -> list[Event]:
        """Return what has no end, in the order of its beginning."""
        return [event for _, event in self._open.values()]

    def settled(self, cursor: int) -> int:
        """Return up to where the next process need not read: not past the beginning of what goes on."""
        return min([cursor, *(number - 1 for number, _ in self._open.values())])
