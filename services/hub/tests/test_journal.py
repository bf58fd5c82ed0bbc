from pathlib import Path

import pytest

from picket.bus.journal import Query
from picket_hub.journal import Appended, Journal


def message(seq: int, topic: str = "event.input.hall", body: bytes = b"{}", stored_ns: int = 10**18) -> Appended:
    return Appended("gpio-input", "a1", seq, topic, body, stored_ns)


def open_journal(folder: Path, *, max_megabytes: float = 10, max_days: float = 3650) -> Journal:
    return Journal(folder / "journal.sqlite", max_megabytes=max_megabytes, max_days=max_days)


def test_a_consumer_goes_on_where_it_committed_also_after_a_restart(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(n) for n in (1, 2, 3)])
    first = journal.read(Query(topics=("event.",), consumer="gateway", limit=2))
    journal.advance("gateway", first.cursor)
    journal.append([])
    journal.close()

    rest = open_journal(tmp_path).read(Query(topics=("event.",), consumer="gateway"))

    assert [entry.id for entry in first.entries] == [1, 2]
    assert [entry.id for entry in rest.entries] == [3]


def test_a_consumer_from_the_latest_sees_only_what_comes_after_its_first_question(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(1)])
    query = Query(topics=("event.",), consumer="slack", start="latest")
    before = journal.read(query)
    journal.append([message(2)])

    assert before.entries == []
    assert [entry.id for entry in journal.read(query).entries] == [2]


def test_topics_are_chosen_by_prefix(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(1, "reading.air"), message(2, "event.input.hall"), message(3, "reading.host")])

    batch = journal.read(Query(topics=("reading.",)))

    assert [entry.topic for entry in batch.entries] == ["reading.air", "reading.host"]
    assert batch.cursor == 3


def test_a_producers_number_is_known_after_a_restart(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(7)])
    journal.close()

    assert open_journal(tmp_path).producers() == {("gpio-input", "a1"): 7}


def test_over_the_cap_readings_go_first_and_the_unread_are_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=1)
    journal.read(Query(topics=("reading.",), consumer="recorder"))
    journal.append([message(1, "event.input.hall", b"x" * 300)])
    journal.append([message(n, "reading.air", b"x" * 300) for n in range(2, 6000)])
    assert journal.is_full()

    dropped = journal.prune(now=10**9)

    assert not journal.is_full()
    assert dropped.messages > 2000
    assert len(journal.read(Query(topics=("event.",))).entries) == 1


def test_what_is_too_old_goes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_days=1)
    day_ns = 86_400 * 10**9
    journal.append([message(1, stored_ns=day_ns), message(2, stored_ns=9 * day_ns)])

    journal.prune(now=9.5 * 86_400)

    assert [entry.id for entry in journal.read(Query(topics=("",))).entries] == [2]


def test_the_last_state_of_each_topic_is_kept_for_newcomers(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(n, "output.state.light", str(n).encode()) for n in (1, 2)])

    assert journal.last_states() == {"output.state.light": b"2"}


@pytest.mark.parametrize("kept_share", [0.0, 0.3, 0.7], ids=["rubbish", "a third", "two thirds"])
def test_a_truncated_file_is_set_aside_and_what_is_readable_taken_over(tmp_path: Path, kept_share: float) -> None:
    journal = open_journal(tmp_path)
    journal.advance("gateway", 990)
    journal.append([message(n, body=b"x" * 500) for n in range(1, 1001)])
    journal.close()
    file = tmp_path / "journal.sqlite"
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * kept_share)] if kept_share else b"no database at all" * 100)

    journal = open_journal(tmp_path)
    journal.append([message(1001)])

    assert "set aside" in journal.rescued
    assert list(tmp_path.glob("journal.sqlite.broken-*"))
    newest = journal.read(Query(topics=("",), after=max(0, journal.newest() - 1))).entries
    assert newest[-1].body == b"{}"
