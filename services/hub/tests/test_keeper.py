import queue
import time
from pathlib import Path

from picket.bus.journal import Query
from picket_hub.journal import Appended, Journal
from picket_hub.keeper import GROUP, Answer, Committed, Keeper, Read, Report


def keeper_in(folder: Path) -> tuple[Keeper, "queue.SimpleQueue[Report]"]:
    reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
    journal = Journal(folder / "journal.sqlite", max_megabytes=100, max_days=3650)
    return Keeper(journal, reports.put), reports


def test_more_jobs_than_a_group_are_all_done(tmp_path: Path) -> None:
    keeper, reports = keeper_in(tmp_path)
    for n in range(1, 3 * GROUP + 2):
        keeper.put(Appended("p", "s", n, "reading.air", b"{}", time.time_ns()))
    keeper.put(None)

    keeper.run()

    committed = []
    while not reports.empty():
        report = reports.get()
        if isinstance(report, Committed):
            committed.append(report.messages)
    assert sum(committed) == 3 * GROUP + 1


def test_a_read_that_may_wait_is_answered_by_the_next_message(tmp_path: Path) -> None:
    keeper, reports = keeper_in(tmp_path)
    keeper.start()
    keeper.put(Read(b"client", b"1", Query(topics=("event.",)), time.monotonic() + 10))
    keeper.put(Appended("p", "s", 1, "event.input.hall", b"{}", time.time_ns()))

    found = [reports.get(timeout=5), reports.get(timeout=5)]
    keeper.put(None)
    keeper.join(timeout=5)

    answer = next(report for report in found if isinstance(report, Answer))
    assert [entry.topic for entry in answer.batch.entries] == ["event.input.hall"]
