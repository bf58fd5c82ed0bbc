"""The journal's reader, while what it read before is not committed yet; the hub is a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.bus.journal import Batch, JournalReader, Query
from picket.messages import Reading
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow


class Desk:
    """A reader of two entries at a time, and the batches that it was delivered."""

    def __init__(self, release: Release) -> None:
        query = Query(topics=("reading.",), consumer="desk", limit=2, wait_seconds=0.2)
        self.batches: list[Batch] = []
        self.reader = JournalReader(release.context, release.endpoints, query, self.batches.append)

    def ids(self, count: int) -> list[list[int]]:
        """Wait for so many batches, and return the ids of their entries."""

        def look() -> bool:
            self.reader.tick()
            self.reader.receive()
            return len(self.batches) >= count

        wait_for(f"{count} batches", look)
        return [[entry.id for entry in batch.entries] for batch in self.batches]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with Release(tmp_path) as running:
        running.start_hub()
        yield running


@pytest.fixture
def desk(release: Release) -> Iterator[Desk]:
    release.publish(*(("reading.x", reading(n)) for n in range(5)))
    desk = Desk(release)
    yield desk
    desk.reader.close()


def reading(number: int) -> Reading:
    return Reading(time_ns=number, source="x", kind="air", values={"n": float(number)})


def test_the_next_batches_come_while_the_first_is_not_committed(desk: Desk) -> None:
    first = desk.ids(1)[0]
    desk.reader.read_ahead()
    desk.ids(2)
    desk.reader.read_ahead()

    assert [number - first[0] for batch in desk.ids(3) for number in batch] == [0, 1, 2, 3, 4]


def test_a_pause_takes_back_all_that_is_not_committed(desk: Desk) -> None:
    desk.ids(1)
    desk.reader.read_ahead()
    _, second = desk.ids(2)
    desk.reader.commit(desk.batches[0].cursor)
    desk.batches.clear()

    desk.reader.pause(0)

    assert desk.ids(1) == [second]


def test_what_comes_after_the_end_of_the_journal_is_read_once(desk: Desk, release: Release) -> None:
    for count in (1, 2, 3):
        desk.ids(count)
        desk.reader.read_ahead()
    for batch in desk.batches:
        desk.reader.commit(batch.cursor)

    release.publish(("reading.x", reading(5)))

    ids = [number for batch in desk.ids(4) for number in batch]
    assert ids == sorted(set(ids))


def test_reading_ahead_stores_no_cursor(desk: Desk, release: Release) -> None:
    desk.ids(1)
    desk.reader.read_ahead()
    desk.ids(2)

    another = Desk(release)

    assert another.ids(1)[0] == desk.ids(1)[0]
    another.reader.close()
