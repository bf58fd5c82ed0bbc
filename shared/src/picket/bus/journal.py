"""Read the hub's journal from a cursor that the hub stores: at least once, in order, after any outage."""

import itertools
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import zmq
from msgspec import Meta

from picket.bus import U64, Endpoints, dial, hang_up
from picket.bus.frames import split
from picket.errors import BusError, WireError

ANSWER_GRACE_SECONDS = 2.0

Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # as large as the journal can hold


class Query(msgspec.Struct, frozen=True):
    """What to read: by a named consumer from its stored cursor, or by nobody from after `after`.

    `since_ns` and `until_ns` (0: no end) are of the messages themselves; `last` asks for the last so many at once.
    """

    topics: Annotated[tuple[str, ...], Meta(max_length=100)]
    consumer: str = ""
    start: Literal["earliest", "latest"] = "earliest"
    after: Number = 0
    limit: Number = 200
    wait_seconds: float = 0.0
    since_ns: Number = 0
    until_ns: Number = 0
    last: Number = 0


class Commit(msgspec.Struct, frozen=True):
    """That a consumer has dealt with everything up to `cursor`."""

    consumer: str
    cursor: Number


class Entry(NamedTuple):
    """One message of the journal."""

    id: int
    topic: str
    body: bytes


class Batch(NamedTuple):
    """Entries in order, and the cursor to commit when they are dealt with."""

    entries: list[Entry]
    cursor: int


class JournalReader:
    """Asks for batch after batch; the next one is asked for when the last has been committed."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: Endpoints,
        query: Query,
        deliver: Callable[[Batch], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read `query`, and call `deliver(batch)` with each batch that has entries.

        Without `wait_seconds` an empty batch is delivered too: the journal has been read to its end.
        """
        self._query = query
        self._deliver = deliver
        self._clock = clock
        self._ids = itertools.count(1)
        self._asked = 0
        self._answer_due = 0.0
        self._delivered = 0  # batches that are not committed yet
        self._cursor = 0  # of the last of them
        self.answered_at: float | None = None  # by `clock`
        self.socket: Any = dial(context, zmq.DEALER, endpoints.request)

    def tick(self) -> None:
        """Ask, and ask again when no answer came (the hub was away)."""
        if self._asked and not self.socket.get(zmq.EVENTS) & zmq.POLLOUT:
            self._answer_due = self._clock()  # the hub went, and the question with it
        if not self._delivered and self._clock() >= self._answer_due:
            self._ask(self._query)

    def receive(self) -> None:
        """Deliver a batch that has come; to be called when `socket` is readable."""
        while True:
            try:
                answer = self.socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            batch = parse_batch(answer, self._asked)
            if batch is None:
                continue
            self._asked = 0
            self.answered_at = self._clock()
            if batch.entries or not self._query.wait_seconds:
                self._delivered += 1
                self._cursor = batch.cursor
                self._deliver(batch)
            elif not self._delivered:
                self._ask(self._query)

    def read_ahead(self) -> None:
        """Have what comes after the batches at hand delivered too, while they are not committed yet."""
        if not self._asked:
            self._ask(msgspec.structs.replace(self._query, consumer="", after=self._cursor))

    def progress(self, cursor: int) -> None:
        """Store the cursor while the rest of the batch is still being dealt with."""
        self._send([b"commit", msgspec.json.encode(Commit(self._query.consumer, cursor))])

    def commit(self, cursor: int) -> None:
        """Store the cursor of the first batch at hand and go on; a hub that is away will deliver it again."""
        self.progress(cursor)
        self._delivered = max(0, self._delivered - 1)  # none after a pause
        if not self._delivered and not self._asked:
            self._ask(self._query)

    def retry(self) -> None:
        """Read again from the stored cursor."""
        self._delivered = 0
        self._ask(self._query)

    def pause(self, seconds: float) -> None:
        """Read again from the stored cursor, but not before so many seconds."""
        self._delivered = 0
        self._asked = 0
        self._answer_due = self._clock() + seconds

    def close(self) -> None:
        """Hang up."""
        hang_up(self.socket)

    def _ask(self, query: Query) -> None:
        self._asked = next(self._ids)
        asked = self._send([b"read", U64.pack(self._asked), msgspec.json.encode(query)])
        patience = query.wait_seconds + ANSWER_GRACE_SECONDS if asked else 0.2
        self._answer_due = self._clock() + patience

    def _send(self, frames: Sequence[bytes]) -> bool:
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True


def parse_batch(answer: bytes, asked: int) -> Batch | None:
    """Return the batch that answers the question number `asked`; None for anything else."""
    try:
        frames = split(answer)
    except WireError:
        return None
    if len(frames) < 3 or frames[0] != b"batch" or frames[1] != U64.pack(asked):
        return None
    rest = frames[3:]
    entries = [Entry(U64.unpack(rest[i])[0], rest[i + 1].decode(), rest[i + 2]) for i in range(0, len(rest) - 2, 3)]
    return Batch(entries, U64.unpack(frames[2])[0])


def read_once(endpoints: Endpoints, query: Query, timeout_seconds: float = 3.0) -> Batch:
    """Read one batch and wait for it; raises BusError when the hub does not answer."""
    with closing(read_on(endpoints, query, timeout_seconds)) as batches:
        return next(batches)


def read_on(endpoints: Endpoints, query: Query, timeout_seconds: float = 3.0) -> Generator[Batch, None, None]:
    """Read batch after batch, the empty ones too, and never come to an end; raises BusError when the hub is silent.

    For people's commands: by nobody, from after `query.after`.
    """
    context: zmq.Context[Any] = zmq.Context()
    socket = dial(context, zmq.DEALER, endpoints.request)
    try:
        if not socket.poll(int(timeout_seconds * 1000), zmq.POLLOUT):
            raise BusError(f"the hub does not answer at {endpoints.request}")
        for number in itertools.count(1):
            socket.send_multipart([b"read", U64.pack(number), msgspec.json.encode(query)])
            if not socket.poll(int((timeout_seconds + query.wait_seconds) * 1000)):
                raise BusError(f"the hub did not answer at {endpoints.request}")
            batch = parse_batch(socket.recv(), number)
            if batch is None:
                raise BusError(f"what answers at {endpoints.request} is no hub")
            yield batch
            query = msgspec.structs.replace(query, after=batch.cursor, last=0)
    finally:
        hang_up(socket)
        context.term()
