"""What the journal lets go of, in virtual time."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.bus.journal import Query
from picket_hub.folder import disk_bytes
from picket_hub.jobs import Appended
from picket_hub.journal import Journal

DAY = 86_400.0
SOURCES = 10
PERIOD_SECONDS = 10
WEEK = int(7 * DAY / PERIOD_SECONDS)  # rounds of readings


def message(seq: int, topic: str, size: int = 300) -> Appended:
    return Appended("p:1", seq, topic, b"x" * size, seq)


def open_journal(folder: Path, *, max_megabytes: float = 20, max_days: float = 3650) -> Journal:
    return Journal(folder / "journal.sqlite", max_megabytes=max_megabytes, max_days=max_days)


def topics(journal: Journal, *prefixes: str) -> list[str]:
    found = []
    after = 0
    while after < journal.newest:
        batch = journal.read(Query(topics=prefixes or ("",), after=after, limit=1000))
        found += [entry.topic for entry in batch.entries]
        after = batch.cursor
    return found


def test_over_the_cap_readings_go_then_states_then_events(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=10)
    numbers = iter(range(1, 10**6))
    dropped = []
    for topic, rounds in (("event.input.hall", 10), ("output.state.light", 5), ("reading.air", 30), ("fault.relay", 5)):
        for _ in range(rounds):
            journal.append([message(next(numbers), topic) for _ in range(500)])
            journal.keep_bounds(now=0)
        dropped.append(list(journal.dropped.messages.values()))
    for _ in range(30):
        journal.append([message(next(numbers), "event.input.hall") for _ in range(500)])
        journal.keep_bounds(now=0)
    left = set(topics(journal))

    assert dropped[:2] == [[0, 0, 0], [0, 0, 0]]
    assert [levels[1:] for levels in dropped[2:]] == [[0, 0], [0, 0]]
    assert dropped[2][0] > 5_000
    assert journal.dropped.messages["states"] == 2_500 and journal.dropped.messages["events"] > 0
    assert left <= {"event.input.hall", "fault.relay"}


def test_what_a_consumer_had_not_read_is_counted_for_it_alone(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=10)
    journal.read(Query(topics=("reading.",), consumer="recorder"))
    journal.read(Query(topics=("event.",), consumer="gateway"))
    journal.append([message(1, "event.input.hall")])
    for first in range(2, 30_000, 500):
        journal.append([message(first + n, "reading.air") for n in range(500)])
        journal.keep_bounds(now=0)

    assert journal.dropped.unread == {"recorder": journal.dropped.messages["readings"]}
    assert topics(journal, "event.") == ["event.input.hall"]


def days(journal: Journal, count: float, begin: float = 0.0, step: float = 1800.0) -> Iterator[float]:
    """Let a journal run for so many days, and yield the times."""
    now = begin
    while now < begin + count * DAY:
        now += step
        journal.keep_bounds(now)
        yield now


def test_what_is_older_than_the_days_that_the_hub_has_run_goes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_days=2)
    for number, _ in enumerate(days(journal, 3), 1):
        journal.append([message(number, "event.input.hall")])
    kept = len(topics(journal))

    assert kept / 48 == pytest.approx(2, abs=0.1)
    assert journal.dropped.messages["events"] == 144 - kept


def test_days_of_running_add_up_over_restarts_and_years_on_a_shelf_do_not_count(tmp_path: Path) -> None:
    for start in range(3):
        journal = open_journal(tmp_path, max_days=2)
        if start == 0:
            journal.append([message(1, "event.input.hall")])
        kept = topics(journal)
        for _ in days(journal, 0.9, begin=1e9 * start):  # each start has a monotonic clock of its own
            pass
        journal.close()

    assert kept == ["event.input.hall"]
    assert topics(open_journal(tmp_path)) == []


def test_a_smaller_cap_makes_the_file_smaller(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=40)
    for first in range(1, 60_000, 500):
        journal.append([message(first + n, "reading.air") for n in range(500)])
    journal.close()
    before = disk_bytes(tmp_path / "journal.sqlite")

    journal = open_journal(tmp_path, max_megabytes=15)
    journal.keep_bounds(now=0)

    assert before > 20e6
    assert disk_bytes(tmp_path / "journal.sqlite") < 15e6


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_week_of_readings_stays_under_the_cap_and_no_alarm_goes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=20)
    journal.read(Query(topics=("reading.",), consumer="recorder"))
    seq = alarms = 0
    sizes = []
    group: list[Appended] = []
    for round_number in range(WEEK):
        time_ns = round_number * PERIOD_SECONDS * 10**9
        for source in range(SOURCES):
            seq += 1
            values = {"pm25": round_number % 97 / 3, "pm10": 12.9, "age_seconds": 0.2}
            body = {"time_ns": time_ns, "device": "demo", "seq": seq, "source": f"s{source}", "kind": "air"}
            group.append(
                Appended("p:1", seq, f"reading.s{source}", json.dumps(body | {"values": values}).encode(), time_ns)
            )
        if round_number % 150 == 0:
            seq += 1
            alarms += 1
            group.append(Appended("p:1", seq, "event.input.hall", b'{"type":"new"}' + b" " * 300, time_ns))
        if len(group) >= 250:
            journal.append(group)
            group = []
            sizes.append(disk_bytes(tmp_path / "journal.sqlite"))
            journal.keep_bounds(now=time_ns / 1e9)
            sizes.append(disk_bytes(tmp_path / "journal.sqlite"))
    journal.append(group)

    readings = len(topics(journal, "reading."))
    assert max(sizes) < 20e6
    assert len(topics(journal, "event.")) == alarms == 404
    assert journal.dropped.messages == {"readings": WEEK * SOURCES - readings, "states": 0, "events": 0}
    assert journal.dropped.unread == {"recorder": WEEK * SOURCES - readings}
    assert readings > 50_000
