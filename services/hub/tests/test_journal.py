from pathlib import Path

import pytest

from picket.bus.journal import Query
from picket_hub.jobs import Appended
from picket_hub.journal import Journal


def message(seq: int, topic: str = "event.input.hall", body: bytes = b"{}", time_ns: int = 10**18) -> Appended:
    return Appended("gpio-input:a1", seq, topic, body, time_ns)


def open_journal(folder: Path, *, max_megabytes: float = 20, max_days: float = 3650) -> Journal:
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


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param(Query(topics=("",), since_ns=20), [2, 3], id="since"),
        pytest.param(Query(topics=("",), until_ns=20), [1, 4], id="until, late ones too"),
        pytest.param(Query(topics=("",), since_ns=20, until_ns=30), [2], id="between"),
        pytest.param(Query(topics=("",), last=2), [3, 4], id="the last two"),
        pytest.param(Query(topics=("event.",), last=9), [1, 2, 3], id="more than there are"),
        pytest.param(Query(topics=("",), last=1, until_ns=15), [4], id="the last before a time"),
    ],
)
def test_messages_are_chosen_by_their_own_time(tmp_path: Path, query: Query, found: list[int]) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(n, time_ns=10 * n) for n in (1, 2, 3)])
    journal.append([message(4, "reading.air", time_ns=12)])

    assert [entry.id for entry in journal.read(query).entries] == found


def test_a_rare_topic_is_found_piece_by_piece(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(n, "reading.air") for n in range(1, 45_001)])
    journal.append([message(45_001)])
    query = Query(topics=("event.",), consumer="gateway")

    pieces = [journal.read(query) for _ in range(3)]

    assert [len(piece.entries) for piece in pieces] == [0, 0, 1]
    assert pieces[0].cursor < pieces[1].cursor < journal.newest == pieces[2].cursor


def test_a_producers_numbers_are_known_after_a_restart_of_each_of_its_last_starts(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    for start in range(7):
        journal.append([Appended(f"gateway:{start}", 7 + start, "fault.gateway", b"{}", 1)])
    journal.append([message(3), Appended("gateway:5", 20, "fault.gateway", b"{}", 1)])
    journal.close()

    known = open_journal(tmp_path).producers()

    assert known == {"gateway:3": 10, "gateway:4": 11, "gateway:5": 20, "gateway:6": 13, "gpio-input:a1": 3}


def test_the_last_state_of_each_topic_is_kept_for_newcomers(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.append([message(n, "output.state.light", str(n).encode()) for n in (1, 2)])

    assert journal.last_states() == {"output.state.light": b"2"}


def test_what_could_not_be_committed_leaves_no_trace(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, max_megabytes=10)
    journal.append([message(1)])
    with pytest.raises(Exception, match="full"):
        journal.append([message(n, body=b"x" * 200_000) for n in range(2, 60)])
    journal.append([message(2, body=b"small")])

    assert [entry.id for entry in journal.read(Query(topics=("",))).entries] == [1, 2]
    assert journal.producers() == {"gpio-input:a1": 2}
