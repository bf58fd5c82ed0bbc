"""A broken journal file: what is readable of it is taken over, what remains is true, and the hub starts."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from picket.bus.journal import Query
from picket_hub.jobs import Appended
from picket_hub.journal import Journal
from picket_hub.layout import PAGE_BYTES

COUNT = 1200
LARGE = 9_000  # bytes: more than some pages


def body(number: int) -> bytes:
    return b"%d " % number * (LARGE // 5 if number % 100 == 0 else 20)


def message(number: int) -> Appended:
    topic = "event.input.hall" if number % 10 == 0 else "reading.air"
    return Appended("gpio-input:a1", number, topic, body(number), number)


def open_journal(folder: Path) -> Journal:
    return Journal(folder / "journal.sqlite", max_megabytes=20, max_days=3650)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with messages in its file and, not yet checkpointed, in its log, as a killed hub leaves it."""
    made = tmp_path_factory.mktemp("made")
    journal = open_journal(made)
    journal.read(Query(topics=("event.",), consumer="gateway"))
    for first in range(1, COUNT + 1, 40):
        journal.append([message(number) for number in range(first, first + 40)])
        journal.advance("gateway", first + 9)
        journal.append([])
    killed = tmp_path_factory.mktemp("killed")
    for file in made.glob("journal.sqlite*"):
        shutil.copy(file, killed)
    assert (killed / "journal.sqlite-wal").stat().st_size > 100_000
    return killed


@pytest.fixture(scope="module")
def closed(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same after a clean stop: one file."""
    folder = tmp_path_factory.mktemp("closed")
    shutil.copytree(whole, folder, dirs_exist_ok=True)
    open_journal(folder).close()
    return folder


def entries(journal: Journal) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    after = 0
    while after < journal.newest:
        batch = journal.read(Query(topics=("",), after=after, limit=1000))
        found |= {entry.id: entry.body for entry in batch.entries}
        after = batch.cursor
    return found


def check(journal: Journal) -> int:
    """Check that what remains is true and goes on, and return how much that is."""
    found = entries(journal)
    assert all(text == body(number) for number, text in found.items())
    assert list(found) == sorted(found)
    cursor = journal.lags().get("gateway")
    assert cursor is None or cursor >= 0
    journal.append([message(COUNT + 1)])
    assert journal.read(Query(topics=("",), last=1)).entries[0].body == body(COUNT + 1)
    return len(found)


def damaged(from_folder: Path, folder: Path, file: str, offset: int, rubbish: bytes) -> Journal:
    shutil.copytree(from_folder, folder, dirs_exist_ok=True)
    with (folder / file).open("r+b") as raw:
        raw.seek(offset)
        raw.write(rubbish)
    return open_journal(folder)


@pytest.mark.parametrize("kept_share", [0.0, 0.3, 0.7], ids=["nothing", "a third", "two thirds"])
def test_of_a_truncated_file_what_is_left_is_taken_over(closed: Path, tmp_path: Path, kept_share: float) -> None:
    shutil.copytree(closed, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "journal.sqlite"
    os.truncate(file, int(file.stat().st_size * kept_share) or 1)

    journal = open_journal(tmp_path)

    assert "set aside" in journal.rescued
    assert list(tmp_path.glob("journal.sqlite.broken-*"))
    assert check(journal) >= COUNT * kept_share * 0.85


@pytest.mark.parametrize("page", [0, 1, 2, 3, 20], ids=lambda page: f"page {page + 1}")
def test_one_broken_page_costs_what_stood_on_it(closed: Path, tmp_path: Path, page: int) -> None:
    journal = damaged(closed, tmp_path, "journal.sqlite", page * PAGE_BYTES, os.urandom(PAGE_BYTES))
    rescued = journal.rescued

    assert check(journal) >= COUNT - 20
    assert "taken over" in rescued
    assert journal.producers()["gpio-input:a1"] == COUNT + 1


def test_what_is_lost_is_counted_and_cursors_are_kept(closed: Path, tmp_path: Path) -> None:
    file = closed / "journal.sqlite"
    place = file.read_bytes().index(body(600)[:40])
    journal = damaged(closed, tmp_path, "journal.sqlite", place // PAGE_BYTES * PAGE_BYTES, b"\xff" * PAGE_BYTES)
    found = entries(journal)

    assert 0 < COUNT - len(found) < 10
    assert f"{len(found)} messages taken over, {COUNT - len(found)} of the last {COUNT} lost" in journal.rescued
    assert journal.lags() == {"gateway": 1200 - 1170}


def test_a_log_whose_file_is_gone_is_read_too(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    os.truncate(tmp_path / "journal.sqlite", 0)

    journal = open_journal(tmp_path)

    assert "taken over" in journal.rescued
    assert check(journal) > 100


def test_a_byte_that_flipped_in_a_body_is_found_when_it_is_read(closed: Path, tmp_path: Path) -> None:
    place = (closed / "journal.sqlite").read_bytes().index(body(601)) + 3
    journal = damaged(closed, tmp_path, "journal.sqlite", place, b"X")

    assert check(journal) == COUNT - 1
    assert (journal.rescued, journal.damaged) == ("", {601})


def test_another_rescue_replaces_the_file_that_was_set_aside(closed: Path, tmp_path: Path) -> None:
    for _ in range(2):
        journal = damaged(closed, tmp_path, "journal.sqlite", 0, os.urandom(PAGE_BYTES))
        journal.close()

    assert len(list(tmp_path.glob("journal.sqlite.broken-*"))) == 1


def test_what_had_been_dropped_does_not_come_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite", max_megabytes=10, max_days=3650)
    for first in range(1, 40_000, 500):
        journal.append([message(number) for number in range(first, first + 500)])
        journal.keep_bounds(now=0)
    before = entries(journal)
    journal.start_over("said so")

    assert "0 of the last" in journal.rescued
    assert entries(journal).keys() == before.keys()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["closed", "killed"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_is_overwritten_or_cut_off_the_journal_opens_and_what_it_holds_is_true(
    whole: Path, closed: Path, tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("fuzzed")
    shutil.copytree({"closed": closed, "killed": whole}[kind], folder, dirs_exist_ok=True)
    for _ in range(data.draw(st.integers(1, 4))):
        file = data.draw(st.sampled_from(sorted(folder.glob("journal.sqlite*"))))
        size = file.stat().st_size
        if size and data.draw(st.booleans()):
            with file.open("r+b") as raw:
                raw.seek(data.draw(st.integers(0, size - 1)))
                raw.write(data.draw(st.binary(min_size=1, max_size=3000)))
        else:
            os.truncate(file, data.draw(st.integers(0, size)))

    journal = open_journal(folder)

    check(journal)
    journal.close()
    shutil.rmtree(folder)
