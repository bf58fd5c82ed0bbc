from hypothesis import given
from hypothesis import strategies as st

from picket.bus.journal import Entry
from picket_gateway.progress import REMEMBERED, STEP, Progress


def entries(first: int, last: int, body: bytes = b"") -> list[Entry]:
    return [Entry(number, "event.input.hall", body) for number in range(first, last + 1)]


def test_the_cursor_goes_in_steps_behind_answers_in_order() -> None:
    progress, batch = Progress(), entries(1, 25)
    progress.begin(batch)

    cursors = [progress.acknowledge(entry) for entry in batch]

    assert [cursor for cursor in cursors if cursor] == [STEP, 2 * STEP]
    assert progress.done


@given(order=st.permutations(range(60)))
def test_the_cursor_goes_past_nothing_that_is_missing(order: list[int]) -> None:
    progress, batch = Progress(), entries(101, 160)
    progress.begin(batch)
    missing = {entry.id for entry in batch}
    last = 0

    for place in order:
        missing.discard(batch[place].id)
        cursor = progress.acknowledge(batch[place])
        assert not cursor or cursor > last
        last = cursor or last
        in_order = min(missing, default=161) - 1
        assert in_order - STEP < max(last, 100) <= in_order

    assert progress.done


def test_what_the_broker_has_is_not_sent_again_when_the_hub_forgot_the_cursor() -> None:
    progress, batch = Progress(), entries(1, 20)
    progress.begin(batch)
    for entry in batch[:7]:
        progress.acknowledge(entry)
    progress.abandon()

    to_send = progress.begin(batch)

    assert to_send == batch[7:]
    assert [progress.acknowledge(entry) for entry in to_send][STEP - 1] == 17


def test_a_batch_that_the_broker_has_is_done_at_once() -> None:
    progress, batch = Progress(), entries(1, 3)
    progress.begin(batch)
    for entry in batch:
        progress.acknowledge(entry)

    assert (progress.begin(batch), progress.done) == ([], True)


def test_a_journal_that_was_begun_anew_is_sent_whatever_its_numbers() -> None:
    progress = Progress()
    for entry in progress.begin(entries(1, 5, b"old")):
        progress.acknowledge(entry)

    assert progress.begin(entries(1, 5, b"new")) == entries(1, 5, b"new")


def test_what_is_remembered_is_bounded() -> None:
    progress, batch = Progress(), entries(1, REMEMBERED + 5)
    for entry in progress.begin(batch):
        progress.acknowledge(entry)

    assert progress.begin(batch) == batch[:5]
