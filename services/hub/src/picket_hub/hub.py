"""The hub's sockets: ingest with acknowledgements, live fan-out, journal reads, and requests between services."""

import logging
import queue
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import zmq

from picket.bus import FLUSH, HEADER, MAX_MESSAGE_BYTES, U64
from picket.bus.frames import join
from picket.bus.journal import Commit, Query
from picket.messages import STATES
from picket.service import Runtime
from picket_hub.figures import Figures
from picket_hub.jobs import Answer, Appended, Committed, Flush, Read, Report, Said
from picket_hub.journal import Journal
from picket_hub.keeper import Keeper
from picket_hub.streams import Streams

MAX_IN_FLIGHT_BYTES = 16_000_000
MAX_NUMBER = 2**63 - 1  # what SQLite can hold
OVERHEAD_BYTES = 500  # of a message in memory, beside its body
MAX_WAIT_SECONDS = 30.0

log = logging.getLogger("hub")


class Hub:
    """Joins the sockets and the journal's keeper on one loop."""

    def __init__(self, runtime: Runtime) -> None:
        """Bind the sockets and start the keeper; a taken port ends the process with one line."""
        config = runtime.config
        self._runtime = runtime
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._servers: dict[bytes, bytes] = {}
        self._in_flight_bytes = 0
        file = Path(config.data_dir) / "journal.sqlite"
        self._journal = Journal(
            file, max_megabytes=config.hub.journal_max_megabytes, max_days=config.hub.journal_max_days
        )
        self._figures = Figures(runtime, self._journal, file)
        self._streams = Streams(self._journal.producers())
        self._last_states = self._journal.last_states()
        self._ingest = self._bind(zmq.ROUTER, config.hub.ingest_port)
        self._live = self._bind(zmq.XPUB, config.hub.live_port)
        self._requests = self._bind(zmq.ROUTER, config.hub.request_port)
        self._keeper = Keeper(self._journal, self._from_keeper, runtime.loop.fail)
        self._keeper.start()
        runtime.closing.callback(self._stop_keeper)
        runtime.loop.on_readable(self._ingest, self._receive_ingest)
        runtime.loop.on_readable(self._live, self._receive_subscriptions)
        runtime.loop.on_readable(self._requests, self._receive_requests)
        runtime.loop.on_wake(self._receive_reports)
        if self._journal.rescued:
            self._tell("journal file", self._journal.rescued)
            self._tell("journal file", "")
        if self._journal.unwritable:
            self._tell("journal folder", self._journal.unwritable)

    def _bind(self, kind: int, port: int) -> Any:
        endpoint = f"tcp://{self._runtime.config.hub.bind_address}:{port}"
        bound = self._runtime.context.socket(kind)
        bound.linger = 0
        bound.setsockopt(zmq.MAXMSGSIZE, 2 * MAX_MESSAGE_BYTES)
        if kind == zmq.ROUTER:
            bound.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a peer that is gone is an error, so it can be told
        else:
            bound.setsockopt(zmq.XPUB_VERBOSE, 1)
            bound.setsockopt(zmq.SNDHWM, 10_000)
        try:
            bound.bind(endpoint)
        except zmq.ZMQError as error:
            log.error("can't listen on %s: %s", endpoint, error.strerror)
            sys.exit(1)
        self._runtime.closing.callback(bound.close)
        return bound

    def _receive_ingest(self) -> None:
        for frames in _all(self._ingest):
            if frames[1:] == [FLUSH]:
                self._keeper.put(Flush())
            elif len(frames) == 4 and len(frames[1]) == HEADER.size and len(frames[3]) <= MAX_MESSAGE_BYTES:
                self._take(*frames)
            else:
                self._figures.rubbish += 1

    def _take(self, identity: bytes, header: bytes, topic: bytes, body: bytes) -> None:
        seq, after = HEADER.unpack(header)
        if seq == 0:
            self._fan_out(topic, body)
            return
        if seq > MAX_NUMBER:
            self._figures.rubbish += 1
            return
        stream = self._streams.of(identity)
        verdict = stream.arrive(seq, after, room=self._in_flight_bytes < MAX_IN_FLIGHT_BYTES)
        if verdict.fan_out:
            self._fan_out(topic, body)
        if verdict.store:
            self._in_flight_bytes += len(body) + OVERHEAD_BYTES
            producer, text = identity.decode("latin-1"), topic.decode(errors="replace")
            self._keeper.put(Appended(producer, seq, text, body, time_of(body)))
        if verdict.reply:
            self._answer(self._ingest, identity, verdict.reply.encode(), U64.pack(stream.committed))

    def _fan_out(self, topic: bytes, body: bytes) -> None:
        text = topic.decode(errors="replace")
        if text.startswith(STATES):
            self._last_states[text] = body
        self._send(self._live, [topic, body])

    def _receive_subscriptions(self) -> None:
        for frames in _all(self._live):
            if frames[0][:1] == b"\x01":
                prefix = frames[0][1:].decode(errors="replace")
                for topic, body in self._last_states.items():
                    if topic.startswith(prefix):
                        self._send(self._live, [topic.encode(), body])

    def _receive_requests(self) -> None:
        for frames in _all(self._requests):
            try:
                self._request(frames[0], *frames[1:])
            except (ValueError, TypeError, RecursionError, msgspec.MsgspecError):
                self._figures.rubbish += 1

    def _request(self, client: bytes, word: bytes, *rest: bytes) -> None:
        match word, rest:
            case b"read", (number, text):
                query = msgspec.json.decode(text, type=Query)
                deadline = time.monotonic() + min(query.wait_seconds, MAX_WAIT_SECONDS)
                self._keeper.put(Read(client, number, query, deadline))
            case b"commit", (text,):
                self._keeper.put(msgspec.json.decode(text, type=Commit))
            case b"serve", (prefix,):
                self._servers[prefix] = client
            case b"request", (number, topic, deadline, body):
                self._ask(client, number, topic, deadline, body)
            case b"reply", (asker, number, body):
                self._answer(self._requests, asker, b"reply", number, body)
            case _:
                self._figures.rubbish += 1

    def _ask(self, client: bytes, number: bytes, topic: bytes, deadline: bytes, body: bytes) -> None:
        server = next((s for prefix, s in self._servers.items() if topic.startswith(prefix)), None)
        if not server or not self._answer(self._requests, server, b"request", client, number, topic, deadline, body):
            why = f"nobody serves {topic.decode(errors='replace')[:80]}"
            self._answer(self._requests, client, b"error", number, why.encode())

    def _from_keeper(self, report: Report) -> None:
        self._reports.put(report)
        self._runtime.loop.wake()

    def _receive_reports(self) -> None:
        while not self._reports.empty():
            match self._reports.get():
                case Committed() as committed:
                    self._acknowledge(committed)
                case Answer(client, number, batch):
                    entries = ((U64.pack(entry.id), entry.topic.encode(), entry.body) for entry in batch.entries)
                    frames = chain([b"batch", number, U64.pack(batch.cursor)], *entries)
                    self._answer(self._requests, client, *frames)
                case Said(subject, text):
                    self._tell(subject, text)

    def _acknowledge(self, committed: Committed) -> None:
        self._in_flight_bytes -= sum(len(message.body) + OVERHEAD_BYTES for message in committed.messages)
        self._figures.note(committed)
        for producer, seq in committed.numbers.items():
            identity = producer.encode("latin-1")
            self._streams.commit(identity, seq)
            self._answer(self._ingest, identity, b"ack", U64.pack(seq))

    def _tell(self, subject: str, text: str) -> None:
        if text:
            self._runtime.health.begin(subject, text)
        else:
            self._runtime.health.end(subject)

    def _stop_keeper(self) -> None:
        self._keeper.put(None)
        self._keeper.join(timeout=5)

    def _answer(self, socket: Any, client: bytes, *frames: bytes) -> bool:
        return self._send(socket, [client, join(frames)])

    @staticmethod
    def _send(socket: Any, frames: list[bytes]) -> bool:
        """Send at once or not at all: who is gone or full hears it from its own clock."""
        try:
            socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        return True


def _all(socket: Any) -> Any:
    """Yield all messages that have come, a bounded number at a time so that every socket has its turn."""
    for _ in range(256):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return


class _Timed(msgspec.Struct):
    time_ns: int


_timed = msgspec.json.Decoder(_Timed)


def time_of(body: bytes) -> int:
    """Return a message's own time; of what has none, when it came."""
    try:
        found = _timed.decode(body).time_ns
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return time.time_ns()
    return found if abs(found) <= MAX_NUMBER else time.time_ns()
