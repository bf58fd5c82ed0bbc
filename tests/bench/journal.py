"""What the hub carries: messages a second with every one committed, the live fan-out while it commits, and what of
its memory and of the card that takes.

The peer of the first is a raw pyzmq DEALER to a ROUTER that acknowledges and keeps nothing: no JSON, no journal.
What is written is the kernel's account of the hub: pages that must go to the disk. In memory (tmpfs) that is nothing.
"""

import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import zmq

from picket.bus import HEADER, U64
from picket.bus.journal import JournalReader, Query
from picket.bus.producer import WINDOW, Producer
from picket.bus.subscriber import Subscriber
from picket.messages import Reading, encode
from picket_hub.wear import written_bytes
from tests.bench import recorder
from tests.bench.figures import Figure, p50, p99, progress
from tests.bench.memory import private, rollup
from tests.servers.ports import free_ports
from tests.servers.release import Release

MESSAGES = 60_000
RAW_MESSAGES = 200_000
MANY_MESSAGES = 1_000_000
TRICKLE_SECONDS = 30
HIGH_WATER = 4_000  # of a producer's outbox, well below what it would begin to drop at
PATIENCE_SECONDS = 30.0
PER_SECOND = 1_000
SECONDS = 8
TOPIC = "reading.bench"
READING = Reading(time_ns=0, source="bench", kind="air", values={"pm25": 7.4, "pm10": 12.9, "age_seconds": 0.2})


def run() -> Iterator[Figure]:
    """Measure throughput, latency, and what they take; then the recorder behind it."""
    with TemporaryDirectory(prefix="picket-bench-") as folder, Release(Path(folder)) as release:
        release.start_hub()
        yield throughput(release)
        yield from latency(release)
        yield trickle(release)
        yield from many(release)
    yield from recorder.run()


def throughput(release: Release) -> Figure:
    """Measure messages a second from one producer."""
    progress(f"  {MESSAGES} messages into the journal")
    committed = through_the_hub(release, MESSAGES)
    progress(f"  {RAW_MESSAGES} messages through bare sockets")
    return Figure(
        case=f"{MESSAGES} readings, one producer, all committed",
        metric="messages_per_second",
        value=committed,
        unit="1/s",
        against="bare DEALER to ROUTER with acks, nothing kept",
        ratio=committed / through_bare_sockets(),
    )


def latency(release: Release) -> Iterator[Figure]:
    """Measure the live fan-out of what is committed too, and of what is live only."""
    progress(f"  live fan-out, {2 * SECONDS} s")
    live_only = fan_out(release, "health.bench")
    journalled = fan_out(release, TOPIC)
    for name, of in (("p50", p50), ("p99", p99)):
        yield Figure(
            case=f"{PER_SECOND} readings a second, all committed",
            metric=f"live_fan_out_{name}",
            value=of(journalled),
            unit="ms",
            against="the same, live only",
            ratio=of(journalled) / of(live_only),
        )


def many(release: Release) -> Iterator[Figure]:
    """Measure what a million messages leave behind in the hub, and what they wrote."""
    progress(f"  {MANY_MESSAGES} messages into the journal")
    process = release.processes["picket_hub"].pid
    memory, written = rollup(process), written_by(process)
    through_the_hub(release, MANY_MESSAGES)
    after = rollup(process)
    case = f"after {MANY_MESSAGES} readings, from after {MESSAGES}"
    yield Figure(case=case, metric="hub_resident_growth", value=(after["Rss"] - memory["Rss"]) / 1024, unit="MB")
    yield Figure(case=case, metric="hub_private_growth", value=(private(after) - private(memory)) / 1024, unit="MB")
    yield per_message(f"{MANY_MESSAGES} readings at once", written_by(process) - written, MANY_MESSAGES)


def trickle(release: Release) -> Figure:
    """Measure what a quiet device writes: a reading a second, and a consumer that commits its cursor after each."""
    progress(f"  a reading a second, {TRICKLE_SECONDS} s")
    process = release.processes["picket_hub"].pid
    producer = release.producer("trickle")
    query = Query(topics=(TOPIC,), consumer="bench", start="latest", wait_seconds=5)
    reader = JournalReader(release.context, release.endpoints, query, lambda batch: reader.commit(batch.cursor))
    written = written_by(process)
    for _ in range(TRICKLE_SECONDS):
        producer.publish(TOPIC, msgspec.structs.replace(READING, time_ns=time.time_ns()))
        following = time.monotonic() + 1
        while time.monotonic() < following:
            for client in (producer, reader):
                client.tick()
                client.receive()
            reader.socket.poll(50)
    producer.flush(PATIENCE_SECONDS)
    reader.close()
    producer.close()
    return per_message("a reading a second, and its consumer's cursor", written_by(process) - written, TRICKLE_SECONDS)


def per_message(case: str, written: int, messages: int) -> Figure:
    """Return a figure of bytes that went to the disk."""
    value = written / messages
    body = len(encode(READING))
    return Figure(
        case=case, metric="written_per_message", value=value, unit="B", against="its body", ratio=value / body
    )


def written_by(process: int) -> int:
    """Return what the kernel counts as written by a process."""
    return written_bytes(Path(f"/proc/{process}/io")) or 0


def through_the_hub(release: Release, messages: int) -> float:
    """Return messages a second from the first `publish` to the last one's commit."""
    producer = release.producer("bench")
    begin = time.monotonic()
    for _ in range(messages):
        producer.publish(TOPIC, msgspec.structs.replace(READING, time_ns=time.time_ns()))
        if producer.pending >= WINDOW:
            producer.receive()
        while producer.pending >= HIGH_WATER:
            await_acks(producer)
    producer.flush(PATIENCE_SECONDS)
    seconds = time.monotonic() - begin
    done = messages - producer.pending - producer.dropped
    producer.close()
    return done / seconds


def await_acks(producer: Producer) -> None:
    """Wait a moment for acknowledgements, and take them in."""
    producer.socket.poll(50)
    producer.receive()


def through_bare_sockets() -> float:
    """Return messages a second with the same window and frames, to another process that acknowledges each burst."""
    port = free_ports(1)[0]
    router = get_context("spawn").Process(target=acknowledge, args=(port, RAW_MESSAGES))
    router.start()
    context: zmq.Context[Any] = zmq.Context()
    dealer = context.socket(zmq.DEALER)
    dealer.setsockopt(zmq.IMMEDIATE, 1)
    dealer.connect(f"tcp://127.0.0.1:{port}")
    dealer.poll(int(PATIENCE_SECONDS * 1000), zmq.POLLOUT)
    body = encode(READING)
    sent = acknowledged = 0
    begin = time.monotonic()
    while acknowledged < RAW_MESSAGES:
        while sent < RAW_MESSAGES and sent - acknowledged < WINDOW:
            sent += 1
            dealer.send_multipart([HEADER.pack(sent, sent - 1), TOPIC.encode(), body])
        acknowledged = U64.unpack(dealer.recv_multipart()[1])[0]
    seconds = time.monotonic() - begin
    router.join(PATIENCE_SECONDS)
    context.destroy(linger=0)
    return RAW_MESSAGES / seconds


def acknowledge(port: int, messages: int) -> None:
    """Take so many messages, and acknowledge the last of what has come, as the hub does, until all have."""
    context: zmq.Context[Any] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.bind(f"tcp://127.0.0.1:{port}")
    seq = 0
    while seq < messages:
        identity, header, _topic, _body = router.recv_multipart()
        seq = HEADER.unpack(header)[0]
        if not router.poll(0):
            router.send_multipart([identity, b"ack", U64.pack(seq)])
    context.destroy(linger=1000)


def fan_out(release: Release, topic: str) -> list[float]:
    """Publish at a steady rate, and return the milliseconds from `publish` to a subscriber, both in this thread."""
    milliseconds: list[float] = []

    def hear(_topic: str, body: bytes) -> None:
        milliseconds.append((time.time_ns() - msgspec.json.decode(body)["time_ns"]) / 1e6)

    producer = release.producer("fan-out")
    subscriber = Subscriber(release.context, release.endpoints, [topic], hear)
    begin = time.monotonic()
    for number in range(PER_SECOND * SECONDS):
        while time.monotonic() < begin + number / PER_SECOND:
            subscriber.socket.poll(1)
            subscriber.receive()
        producer.publish(topic, msgspec.structs.replace(READING, time_ns=time.time_ns()))
        producer.receive()
    producer.flush(PATIENCE_SECONDS)
    producer.close()
    subscriber.close()
    return milliseconds
