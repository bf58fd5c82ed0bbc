"""The producer against a hub that the test plays by hand."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import zmq

from picket.bus import HEADER, U64, Endpoints
from picket.bus.frames import join
from picket.bus.producer import RESEND_SECONDS, Producer
from picket.errors import WireError
from picket.messages import Health, Reading
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for


class Hub:
    """A ROUTER that says only what the test says."""

    def __init__(self, context: "zmq.Context[Any]") -> None:
        port = free_ports(1)[0]
        self.endpoints = Endpoints("127.0.0.1", port, port, port)
        self.router = context.socket(zmq.ROUTER)
        self.router.linger = 0
        self.router.bind(self.endpoints.ingest)
        self.client = b""

    def take(self, count: int) -> list[tuple[int, int]]:
        """Return the (seq, after) of the next messages."""
        found = []
        for _ in range(count):
            assert self.router.poll(3000), "the producer sent nothing"
            self.client, header, *_ = self.router.recv_multipart()
            found.append(HEADER.unpack(header))
        return found

    def say(self, word: bytes, seq: int) -> None:
        self.router.send_multipart([self.client, join([word, U64.pack(seq)])])


@pytest.fixture
def context() -> Iterator["zmq.Context[Any]"]:
    context: zmq.Context[Any] = zmq.Context()
    yield context
    context.destroy(linger=0)


def reading(value: float = 1.0) -> Reading:
    return Reading(time_ns=1, source="air", kind="air", values={"pm": value})


def connected(context: "zmq.Context[Any]", hub: Hub, **settings: Any) -> Producer:
    producer = Producer(context, hub.endpoints, "p", "demo", **settings)
    wait_for("a way to the hub", lambda: producer.socket.poll(50, zmq.POLLOUT))
    return producer


def test_messages_are_held_until_they_are_acknowledged(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub)
    for _ in range(3):
        producer.publish("reading.air", reading())

    numbers = hub.take(3)
    hub.say(b"ack", 2)
    wait_for("the acknowledgement", lambda: producer.receive() or producer.pending == 1)

    assert numbers == [(1, 0), (2, 1), (3, 2)]


def test_asked_back_it_sends_again_what_is_not_on_disk(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub)
    for _ in range(3):
        producer.publish("reading.air", reading())
    hub.take(3)

    hub.say(b"back", 1)
    wait_for("the request", lambda: producer.receive() or producer.pending == 2)

    assert hub.take(2) == [(2, 0), (3, 2)]


def test_without_an_answer_it_sends_again(context: "zmq.Context[Any]") -> None:
    now = 100.0
    hub = Hub(context)
    producer = connected(context, hub, clock=lambda: now)
    producer.publish("reading.air", reading())
    hub.take(1)

    now += RESEND_SECONDS + 0.1
    producer.tick()

    assert hub.take(1) == [(1, 0)]


def test_a_full_memory_drops_the_oldest_reading_before_any_event(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub, max_messages=3)

    producer.publish("fault.p", reading())
    for _ in range(4):
        producer.publish("reading.air", reading())
    hub.take(5)
    hub.say(b"back", 0)
    wait_for("what it still has", lambda: producer.receive() or hub.router.poll(0))

    assert (producer.pending, producer.dropped) == (3, 2)
    assert hub.take(3) == [(1, 0), (4, 1), (5, 4)]


def test_a_full_memory_keeps_events_longer_than_states(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub, max_messages=3)

    for topic in ("event.input.hall", "output.state.light", "fault.p", "event.input.hall", "event.input.hall"):
        producer.publish(topic, reading())
    hub.take(5)
    hub.say(b"back", 0)
    wait_for("what it still has", lambda: producer.receive() or hub.router.poll(0))

    assert (producer.pending, producer.dropped) == (3, 2)
    assert hub.take(3) == [(3, 0), (4, 3), (5, 4)]


def test_asked_to_flush_it_has_the_hub_hold_nothing_back(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub)
    producer.publish("reading.air", reading())
    hub.take(1)

    in_time = producer.flush(0.1)

    assert not in_time
    assert hub.router.recv_multipart()[1:] == [b"flush"]


def test_health_is_live_only_and_never_held(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    producer = connected(context, hub)
    beat = Health(time_ns=1, service="p", state="ok", uptime_seconds=1, faults={}, figures={})

    producer.publish("health.p", beat)

    assert hub.take(1) == [(0, 0)]
    assert producer.pending == 0


def test_a_message_too_large_is_refused_at_once(context: "zmq.Context[Any]") -> None:
    producer = Producer(context, Endpoints("127.0.0.1", 1, 1, 1), "p", "demo")
    large = Reading(time_ns=1, source="air", kind="air", values={"x" * 300_000: 1.0})

    with pytest.raises(WireError, match=r"reading\.air: 3000"):
        producer.publish("reading.air", large)
    assert producer.pending == 0


def test_another_threads_message_is_sent_by_the_owner_when_it_is_woken(context: "zmq.Context[Any]") -> None:
    hub = Hub(context)
    woken = threading.Event()
    producer = connected(context, hub, wake=woken.set)

    thread = threading.Thread(target=producer.publish, args=("reading.air", reading()))
    thread.start()
    thread.join()
    sent_before = hub.router.poll(0)
    producer.tick()

    assert (woken.is_set(), sent_before) == (True, 0)
    assert hub.take(1) == [(1, 0)]
