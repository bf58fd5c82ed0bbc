"""What a channel remembers over a restart."""

from pathlib import Path

import pytest

from picket.bus.journal import Entry
from picket_notifier.alerts import Memory
from picket_notifier.remembered import Remembered, checksum, load, save
from services.notifier.tests.people import People, fault

ENTRIES = [Entry(number, "fault.relay", f"body {number}".encode()) for number in range(1, 6)]


def remembered(last: Entry, memory: Memory | None = None) -> Remembered:
    return Remembered(1, last.id, checksum(last), memory or Memory(4.0, 0, []))


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(ENTRIES[2], [4, 5], id="a-batch-that-comes-again"),
        pytest.param(ENTRIES[4], [], id="all-of-it"),
        pytest.param(Entry(3, "fault.relay", b"of a journal before"), [1, 2, 3, 4, 5], id="a-journal-begun-anew"),
        pytest.param(Entry(0, "", b""), [1, 2, 3, 4, 5], id="later-ones"),
    ],
)
def test_what_is_known_is_not_taken_in_again(last: Entry, expected: list[int]) -> None:
    assert [entry.id for entry in remembered(last).new(ENTRIES)] == expected


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    people = People()
    people.tell(fault(0))
    people.tell(fault(10, state="end"))
    kept = remembered(ENTRIES[0], people.alerts.memory(20))

    save(tmp_path / "data" / "notifier-notices.json", kept)

    assert load(tmp_path / "data" / "notifier-notices.json") == kept


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"taken_ns": 1}'])
def test_a_file_that_is_none_is_nothing_known(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "file.json").write_bytes(content)

    assert load(tmp_path / "file.json") is None
