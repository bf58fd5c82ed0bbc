import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.bus.journal import Query
from picket_hub.jobs import Answer, Appended, Committed, Flush, Read, Report, Said
from picket_hub.journal import Journal
from picket_hub.keeper import GROUP, HOLD_SECONDS, Keeper


class Kept:
    """A keeper that runs, and its reports."""

    def __init__(self, folder: Path) -> None:
        self.reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self.journal = Journal(folder / "journal.sqlite", max_megabytes=100, max_days=3650)
        self.failures: list[BaseException] = []
        self.keeper = Keeper(self.journal, self.reports.put, self.failures.append)

    def put(self, *topics: str, size: int = 2) -> None:
        for topic in topics:
            self.keeper.put(Appended("p:1", time.monotonic_ns(), topic, b"x" * size, time.time_ns()))

    def next(self, kind: type[Report], seconds: float = 10.0) -> Report:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            report = self.reports.get(timeout=seconds)
            if isinstance(report, kind):
                return report
        raise AssertionError(f"no {kind.__name__}")

    def groups(self) -> list[int]:
        """Return the sizes of the groups that were committed so far."""
        found = []
        while not self.reports.empty():
            report = self.reports.get()
            if isinstance(report, Committed):
                found.append(len(report.messages))
        return found


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.keeper.put(None)
    if kept.keeper.is_alive():
        kept.keeper.join(timeout=10)
    assert kept.failures == []


def test_more_jobs_than_a_group_are_all_done(kept: Kept) -> None:
    kept.put(*["reading.air"] * (3 * GROUP + 1))
    kept.keeper.put(None)

    kept.keeper.run()

    assert sum(kept.groups()) == 3 * GROUP + 1


def test_a_group_is_bounded_in_bytes(kept: Kept) -> None:
    kept.put(*["event.input.hall"] * 10, size=200_000)
    kept.keeper.put(None)

    kept.keeper.run()

    assert kept.groups() == [2] * 5


def test_readings_wait_for_company_and_go_with_the_first_event(kept: Kept) -> None:
    kept.keeper.start()
    begin = time.monotonic()
    kept.put("reading.air", "reading.host", "event.input.hall", "reading.air")

    committed = kept.next(Committed)

    assert isinstance(committed, Committed)
    assert [message.topic for message in committed.messages][:3] == ["reading.air", "reading.host", "event.input.hall"]
    assert time.monotonic() - begin < HOLD_SECONDS


def test_readings_alone_wait_no_longer_than_they_may(kept: Kept) -> None:
    kept.keeper.start()
    begin = time.monotonic()
    kept.put("reading.air")

    kept.next(Committed)

    assert time.monotonic() - begin >= HOLD_SECONDS * 0.9


@pytest.mark.parametrize("many", [0, 100], ids=["asked", "many"])
def test_readings_do_not_wait_when_somebody_asks_or_they_are_many(kept: Kept, many: int) -> None:
    kept.keeper.start()
    begin = time.monotonic()
    kept.put("reading.air", *["reading.air"] * many)
    if not many:
        kept.keeper.put(Flush())

    kept.next(Committed)

    assert time.monotonic() - begin < HOLD_SECONDS


def test_a_read_that_may_wait_is_answered_by_the_next_message(kept: Kept) -> None:
    kept.keeper.start()
    kept.keeper.put(Read(b"client", b"1", Query(topics=("event.",)), time.monotonic() + 10))
    kept.put("event.input.hall")

    answer = kept.next(Answer)

    assert isinstance(answer, Answer)
    assert [entry.topic for entry in answer.batch.entries] == ["event.input.hall"]


def test_a_read_goes_through_all_there_is_before_it_says_that_there_is_nothing(kept: Kept) -> None:
    for first in (1, 45_001):
        kept.journal.append([Appended("p:1", n, "reading.air", b"{}", n) for n in range(first, first + 44_999)])
        kept.journal.append([Appended("p:1", first + 44_999, "event.input.hall", b"{}", 1)])
    kept.keeper.start()
    for name, query in {
        b"all": Query(topics=("event.",)),
        b"one": Query(topics=("event.",), limit=1),
        b"none": Query(topics=("fault.",)),
        b"consumer": Query(topics=("event.",), consumer="gateway"),
        b"again": Query(topics=("event.",), consumer="gateway", wait_seconds=1),
    }.items():
        kept.keeper.put(Read(b"client", name, query, time.monotonic()))

    answers = [kept.next(Answer) for _ in range(5)]

    found = {a.number: [entry.id for entry in a.batch.entries] for a in answers if isinstance(a, Answer)}
    both = [45_000, 90_000]
    assert found == {b"all": both, b"one": [45_000], b"none": [], b"consumer": both, b"again": both}


def test_a_file_that_breaks_while_it_is_used_is_set_aside_and_the_message_is_kept(kept: Kept, tmp_path: Path) -> None:
    kept.journal.append([Appended("p:1", n, "event.input.hall", b"{}" * 200, n) for n in range(1, 1000)])
    kept.journal._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file = tmp_path / "journal.sqlite"
    root = kept.journal._db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").fetchone()[0]
    with file.open("r+b") as raw:
        raw.seek((root - 1) * 1024)
        raw.write(b"\xff" * 1024)
    kept.journal._db.execute("PRAGMA shrink_memory")
    kept.keeper.start()
    kept.put("event.input.hall")

    said = kept.next(Said)
    committed = kept.next(Committed)

    assert isinstance(said, Said) and said.subject == "journal file" and "999 messages taken over" in said.text
    assert isinstance(committed, Committed) and len(committed.messages) == 1
