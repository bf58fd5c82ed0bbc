"""The hub's sockets: ingest with acknowledgements, live fan-out, journal reads, and requests between services."""

import logging
import queue
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import zmq

from picket.bus import HEADER, MAX_MESSAGE_BYTES, U64
from picket.bus.journal import Commit, Query
from picket.messages import STATES
from picket.service import Runtime
from picket_hub.journal import Appended, Journal
from picket_hub.keeper import Answer, Committed, Keeper, Read, Report, Trouble
from picket_hub.streams import Stream

MAX_IN_FLIGHT = 20_000
MAX_WAIT_SECONDS = 30.0

log = logging.getLogger("hub")


class Hub:
    """Joins the sockets and the journal's keeper on one loop."""

    def __init__(self, runtime: Runtime) -> None:
        """Bind the sockets and start the keeper; a taken port ends the process with one line."""
        config = runtime.config
        self._runtime = runtime
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._streams: dict[bytes, Stream] = {}
        self._identities: dict[tuple[str, str], bytes] = {}
        self._servers: dict[bytes, bytes] = {}
        self._in_flight = 0
        self._rubbish = 0
        self._journal = Journal(
            Path(config.data_dir) / "journal.sqlite",
            max_megabytes=config.hub.journal_max_megabytes,
            max_days=config.hub.journal_max_days,
        )
        self._stored = self._journal.producers()
        self._last_states = self._journal.last_states()
        self._ingest = self._bind(zmq.ROUTER, config.hub.ingest_port)
        self._live = self._bind(zmq.XPUB, config.hub.live_port)
        self._requests = self._bind(zmq.ROUTER, config.hub.request_port)
        self._keeper = Keeper(self._journal, self._from_keeper)
        self._keeper.start()
        runtime.closing.callback(self._stop_keeper)
        runtime.loop.on_readable(self._ingest, self._receive_ingest)
        runtime.loop.on_readable(self._live, self._receive_subscriptions)
        runtime.loop.on_readable(self._requests, self._receive_requests)
        runtime.loop.on_wake(self._receive_reports)
        runtime.health.figure("journal_messages", lambda: self._keeper.messages)
        runtime.health.figure("journal_bytes", lambda: self._keeper.bytes_used)
        runtime.health.figure("journal_lags", lambda: self._keeper.lags)
        runtime.health.figure("rubbish_frames", lambda: self._rubbish)
        if self._journal.rescued:
            runtime.health.begin("journal file", self._journal.rescued)
            runtime.health.end("journal file", "a new one is written")

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
            if len(frames) != 4 or len(frames[1]) != HEADER.size or len(frames[3]) > MAX_MESSAGE_BYTES:
                self._rubbish += 1
                continue
            identity, header, topic, body = frames
            seq, after = HEADER.unpack(header)
            if seq == 0:
                self._fan_out(topic, body)
                continue
            stream = self._streams.get(identity) or self._meet(identity)
            verdict = stream.arrive(seq, after, room=self._in_flight < MAX_IN_FLIGHT)
            if verdict.fan_out:
                self._fan_out(topic, body)
            if verdict.store:
                self._in_flight += 1
                producer, session = _name(identity)
                text = topic.decode(errors="replace")
                self._keeper.put(Appended(producer, session, seq, text, body, time.time_ns()))
            if verdict.reply:
                self._send(self._ingest, [identity, verdict.reply.encode(), U64.pack(stream.committed)])

    def _meet(self, identity: bytes) -> Stream:
        producer, session = _name(identity)
        for known, old in list(self._identities.items()):
            if known[0] == producer:
                self._streams.pop(old, None)
                del self._identities[known]
        self._identities[producer, session] = identity
        self._streams[identity] = stream = Stream(self._stored.get((producer, session), 0))
        return stream

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
                self._rubbish += 1

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
                self._send(self._requests, [asker, b"reply", number, body])
            case _:
                self._rubbish += 1

    def _ask(self, client: bytes, number: bytes, topic: bytes, deadline: bytes, body: bytes) -> None:
        server = next((s for prefix, s in self._servers.items() if topic.startswith(prefix)), None)
        if not server or not self._send(self._requests, [server, b"request", client, number, topic, deadline, body]):
            why = f"nobody serves {topic.decode(errors='replace')[:80]}"
            self._send(self._requests, [client, b"error", number, why.encode()])

    def _from_keeper(self, report: Report) -> None:
        self._reports.put(report)
        self._runtime.loop.wake()

    def _receive_reports(self) -> None:
        while not self._reports.empty():
            match self._reports.get():
                case Committed(messages, numbers):
                    self._in_flight -= messages
                    self._acknowledge(numbers)
                case Answer(client, number, batch):
                    frames = [client, b"batch", number, U64.pack(batch.cursor)]
                    for entry in batch.entries:
                        frames += [U64.pack(entry.id), entry.topic.encode(), entry.body]
                    self._send(self._requests, frames)
                case Trouble(text, lost):
                    self._tell(text, lost)

    def _acknowledge(self, numbers: dict[tuple[str, str], int]) -> None:
        for key, seq in numbers.items():
            self._stored[key] = seq
            identity = self._identities.get(key)
            stream = self._streams.get(identity) if identity else None
            if identity and stream:
                stream.committed = seq
                self._send(self._ingest, [identity, b"ack", U64.pack(seq)])

    def _tell(self, text: str, lost: str) -> None:
        health = self._runtime.health
        if lost:
            health.begin("journal bounds", lost)
            health.end("journal bounds", "within bounds again")
        elif text:
            health.begin("journal", text)
        else:
            health.end("journal")

    def _stop_keeper(self) -> None:
        self._keeper.put(None)
        self._keeper.join(timeout=5)

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


def _name(identity: bytes) -> tuple[str, str]:
    producer, _, session = identity.decode(errors="replace").rpartition(":")
    return producer, session
