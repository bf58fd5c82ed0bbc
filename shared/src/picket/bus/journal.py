"""Read the hub's journal from a cursor that the hub stores: at least once, in order, after any outage."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import zmq

from picket.bus import U64, Endpoints, dial
from picket.errors import BusError

ANSWER_GRACE_SECONDS = 2.0


class Query(msgspec.Struct, frozen=True):
    """What to read: by a named consumer from its stored cursor, or by nobody from after `after`."""

    topics: tuple[str, ...]
    consumer: str = ""
    start: Literal["earliest", "latest"] = "earliest"
    after: int = 0
    limit: int = 200
    wait_seconds: float = 0.0


class Commit(msgspec.Struct, frozen=True):
    """That a consumer has dealt with everything up to `cursor`."""

    consumer: str
    cursor: int


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
        """Read `query`, and call `deliver(batch)` with each batch that has entries."""
        self._query = query
        self._deliver = deliver
        self._clock = clock
        self._ids = itertools.count(1)
        self._asked = 0
        self._answer_due = 0.0
        self._delivering = False
        self.socket: Any = dial(context, zmq.DEALER, endpoints.request)

    def tick(self) -> None:
        """Ask, and ask again when no answer came (the hub was away)."""
        if not self._delivering and self._clock() >= self._answer_due:
            self._ask()

    def receive(self) -> None:
        """Deliver a batch that has come; to be called when `socket` is readable."""
        while not self._delivering:
            try:
                frames = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            batch = parse_batch(frames, self._asked)
            if batch is None:
                continue
            if batch.entries:
                self._delivering = True
                self._deliver(batch)
            else:
                self._ask()

    def commit(self, cursor: int) -> None:
        """Store the cursor and go on; a hub that is away will deliver the batch again."""
        self._send([b"commit", msgspec.json.encode(Commit(self._query.consumer, cursor))])
        self.retry()

    def retry(self) -> None:
        """Read again from the stored cursor."""
        self._delivering = False
        self._ask()

    def pause(self, seconds: float) -> None:
        """Read again from the stored cursor, but not before so many seconds."""
        self._delivering = False
        self._asked = 0
        self._answer_due = self._clock() + seconds

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _ask(self) -> None:
        self._asked = next(self._ids)
        asked = self._send([b"read", U64.pack(self._asked), msgspec.json.encode(self._query)])
        patience = self._query.wait_seconds + ANSWER_GRACE_SECONDS if asked else 0.2
        self._answer_due = self._clock() + patience

    def _send(self, frames: Sequence[bytes]) -> bool:
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True


def parse_batch(frames: Sequence[bytes], asked: int) -> Batch | None:
    """Return the batch that answers the question number `asked`; None for anything else."""
    if len(frames) < 3 or frames[0] != b"batch" or frames[1] != U64.pack(asked):
        return None
    rest = frames[3:]
    entries = [Entry(U64.unpack(rest[i])[0], rest[i + 1].decode(), rest[i + 2]) for i in range(0, len(rest) - 2, 3)]
    return Batch(entries, U64.unpack(frames[2])[0])


def read_once(endpoints: Endpoints, query: Query, timeout_seconds: float = 3.0) -> Batch:
    """Read one batch and wait for it: for people's commands; raises BusError when the hub does not answer."""
    context: zmq.Context[Any] = zmq.Context()
    socket = dial(context, zmq.DEALER, endpoints.request)
    try:
        if not socket.poll(int(timeout_seconds * 1000), zmq.POLLOUT):
            raise BusError(f"the hub does not answer at {endpoints.request}")
        socket.send_multipart([b"read", U64.pack(1), msgspec.json.encode(query)])
        if socket.poll(int((timeout_seconds + query.wait_seconds) * 1000)):
            batch = parse_batch(socket.recv_multipart(), 1)
            if batch:
                return batch
        raise BusError(f"the hub did not answer at {endpoints.request}")
    finally:
        socket.close()
        context.term()
