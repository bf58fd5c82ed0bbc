"""The hub as a process, through the library's clients."""

import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import zmq

from picket.bus import HEADER
from picket.bus.journal import Batch, JournalReader, Query
from picket.bus.requests import Requester, Responder
from picket.messages import Health, InputEvent, Reading, utc
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with Release(tmp_path) as release:
        release.start_hub()
        yield release


NESTED = [b"read", b"1", b'{"x":' + b"[" * 50_000]


def reading(value: float) -> Reading:
    return Reading(time_ns=time.time_ns(), source="air", kind="air", values={"pm": value})


def values(bodies: list[bytes]) -> list[float | None]:
    return [msgspec.json.decode(body, type=Reading).values["pm"] for body in bodies]


def settled(producer: object) -> bool:
    producer.tick()  # type: ignore[attr-defined]
    return producer.pending == 0  # type: ignore[attr-defined]


def test_a_message_is_heard_live_and_stands_in_the_journal(release: Release) -> None:
    producer = release.producer("p")
    with release.hearing("reading.") as heard:
        wait_for("a live message", lambda: producer.publish("reading.air", reading(1)) or heard())
        wait_for("the commit", lambda: settled(producer))

    assert values([entry.body for entry in release.journal("reading.")])[0] == 1


def test_nothing_is_lost_or_doubled_when_the_hub_is_killed_under_load(release: Release) -> None:
    producer = release.producer("p")
    for round_number in range(4):
        for n in range(200):
            producer.publish("reading.air", reading(round_number * 200 + n))
        release.kill("picket_hub", signal.SIGKILL)
        release.start_hub()
        wait_for("the commits", lambda: settled(producer))

    assert values([entry.body for entry in release.journal("reading.")]) == list(range(800))


def test_a_newcomer_hears_the_last_state(release: Release) -> None:
    producer = release.producer("p")
    with release.hearing("health.hub") as heard:
        assert wait_for("the hub's own health", heard)
    producer.close()


def test_a_durable_reader_gets_the_same_batch_until_it_commits(release: Release) -> None:
    producer = release.producer("p")
    producer.publish("reading.air", reading(5))
    wait_for("the commit", lambda: settled(producer))
    batches: list[Batch] = []
    query = Query(topics=("reading.",), consumer="c", wait_seconds=1)
    reader = JournalReader(release.context, release.endpoints, query, batches.append)

    def next_batch() -> Batch | None:
        reader.tick()
        reader.receive()
        return batches.pop(0) if batches else None

    first = wait_for("a batch", next_batch)
    reader.retry()
    again = wait_for("the batch again", next_batch)
    reader.commit(again.cursor)
    producer.publish("reading.air", reading(6))
    after = wait_for("the next batch", next_batch)

    assert [values([e.body for e in b.entries]) for b in (first, again, after)] == [[5], [5], [6]]


def test_a_request_is_answered_by_who_serves_it_and_refused_when_nobody_does(release: Release) -> None:
    answers: list[tuple[bytes | None, str]] = []
    requester = Requester(release.context, release.endpoints)

    def ask() -> bool:
        requester.request("output.command.siren", b"on", 20, lambda body, why: answers.append((body, why)))
        return bool(wait_for("an answer", lambda: requester.receive() or requester.tick() or answers))

    wait_for("a way to the hub", lambda: requester.socket.poll(100, zmq.POLLOUT))
    ask()
    nobody = answers.pop()
    server = Responder(release.context, release.endpoints, "output.command.", lambda _topic, body, _now: body + b"!")

    def served() -> bool:
        requester.request("output.command.siren", b"on", 20, lambda body, why: answers.append((body, why)))
        wait_for(
            "an answer",
            lambda: server.tick() or server.receive() or requester.receive() or requester.tick() or answers,
        )
        return answers.pop()[0] == b"on!"

    wait_for("the server's answer", served)
    server.close()
    wait_for("that it is gone", lambda: ask() and answers.pop()[0] is None)

    assert nobody == (None, "nobody serves output.command.siren")


def test_rubbish_on_every_port_harms_nothing(release: Release) -> None:
    hub = release.config.hub
    for port in (hub.ingest_port, hub.live_port, hub.request_port):
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(bytes(range(256)) * 400)
    for endpoint in (release.endpoints.ingest, release.endpoints.request):
        dealer = release.context.socket(zmq.DEALER)
        dealer.connect(endpoint)
        for frames in (
            [b""],
            [b"x"] * 9,
            [b"read", b"1", b"{"],
            [b"\xff" * 16, b"t", b"b"],
            [b"commit", b"\xff\xfe"],
            [b"commit", b'{"consumer":"c","cursor":99999999999999999999}'],
            [b"commit", b'{"consumer":"\\ud800","cursor":9}'],
            [b"read", b"12345678", b'{"topics":[""],"since_ns":99999999999999999999}'],
            [b"read", b"12345678", b'{"topics":[%s""]}' % (b'"x",' * 2000)],
            [HEADER.pack(2**64 - 1, 0), b"reading.air", b"{}"],
            [HEADER.pack(1, 0), b"\xed\xa0\x80", b'{"time_ns":99999999999999999999}'],
            NESTED,
        ):
            dealer.send_multipart(frames)
        dealer.send_multipart([b"a" * 16, b"reading.air", b"x" * 1_000_000])
        dealer.close(linger=200)

    producer = release.producer("p")
    producer.publish("reading.air", reading(1))

    wait_for("the commit", lambda: settled(producer))
    assert release.processes["picket_hub"].poll() is None
    assert len(release.journal("reading.")) == 1


def test_a_hub_killed_with_readings_that_waited_for_company_gets_them_again(release: Release) -> None:
    producer = release.producer("p")
    for number in range(20):
        producer.publish("reading.air", reading(number))
        wait_for("a way to the hub", lambda: producer.tick() or producer.socket.poll(50, zmq.POLLOUT))
    release.kill("picket_hub", signal.SIGKILL)
    before = producer.pending
    release.start_hub()
    wait_for("the commits", lambda: settled(producer))

    assert before > 0
    assert values([entry.body for entry in release.journal("reading.")]) == list(range(20))


def test_an_old_and_a_new_start_of_a_producer_lose_and_double_nothing_over_a_restart(release: Release) -> None:
    old, new = release.producer("p"), release.producer("p")
    for number in range(50):
        old.publish("reading.air", reading(number))
        new.publish("reading.host", reading(number))
    wait_for("the commits", lambda: settled(old) and settled(new))
    release.kill("picket_hub", signal.SIGKILL)
    release.start_hub()
    for producer, topic in ((new, "reading.host"), (old, "reading.air")):
        producer._go_back()  # as if the acknowledgement had been lost
        for number in range(50, 100):
            producer.publish(topic, reading(number))
    wait_for("the commits", lambda: settled(old) and settled(new))

    for topic in ("reading.air", "reading.host"):
        assert values([entry.body for entry in release.journal(topic)]) == list(range(100))


def test_the_beat_tells_how_the_journal_does(release: Release) -> None:
    now = time.time_ns()
    event = InputEvent(
        time_ns=now, id="hall-1", type="new", input="hall", zone="alarm", began_at=utc(now), why="a test"
    )
    release.publish(("event.input.hall", event))
    release.journal("event.")
    with release.hearing("health.hub") as heard:

        def told() -> dict[str, object] | None:
            beats = [msgspec.json.decode(body, type=Health).figures for _, body in heard()]
            return next((figures for figures in beats if figures["edge_to_journal_ms"]["count"]), None)

        figures = wait_for("a beat", told)

    assert {"journal_lags", "journal_bytes", "written_bytes", "written_bytes_per_day"} <= figures.keys()
    assert figures["journal_dropped"] == {"readings": 0, "states": 0, "events": 0}
    assert 0 < figures["edge_to_journal_ms"]["max"] < 60_000
