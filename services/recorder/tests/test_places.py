"""A message has one place in InfluxDB, whatever it is written with and however often."""

from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from picket.bus.journal import Batch, Entry
from picket.messages import Message, OutputResult, Reading, encode
from picket_recorder.recording import make

TIME = 1_700_000_000_123_456_789
TIMES = st.sampled_from([TIME, TIME + 1, TIME + 999, TIME + 1_000, TIME + 10**9])
READINGS = st.builds(
    Reading,
    time_ns=TIMES,
    source=st.sampled_from(["attic", "cellar"]),
    kind=st.sampled_from(["air", "host"]),
    values=st.dictionaries(st.sampled_from(["t", "h"]), st.floats(-5, 5), min_size=1),
)
RESULTS = st.builds(
    OutputResult,
    time_ns=TIMES,
    id=st.sampled_from(["1", "2"]),
    output=st.just("door"),
    accepted=st.booleans(),
    reason=st.just(""),
    state=st.just("ON"),
)


def numbered(first: int, messages: list[Message]) -> list[Entry]:
    """Journal messages as one producer numbers them."""
    numbers = enumerate(messages, first)
    return [Entry(n, topic(one), encode(msgspec.structs.replace(one, seq=n))) for n, one in numbers]


def topic(message: Message) -> str:
    return "reading.x" if isinstance(message, Reading) else "output.result.door"


def stored(batches: list[list[Entry]]) -> dict[tuple[str, int], str]:
    """Return what a database keeps: by series and time, the fields that were written last."""
    kept = {}
    for entries in batches:
        for point in make(Batch(entries, 0)).points:
            series, fields, time_ns = point.line.split(" ")
            kept[series, int(time_ns)] = fields
    return kept


@given(
    first=st.integers(1, 10**12),
    messages=st.lists(READINGS | RESULTS, min_size=1, max_size=30),
    cuts=st.sets(st.integers(0, 30)),
    again=st.lists(st.integers(0, 29)),
)
def test_any_split_into_batches_and_any_repeat_give_the_same_points(
    first: int, messages: list[Message], cuts: set[int], again: list[int]
) -> None:
    entries = numbered(first, messages)
    bounds = [0, *sorted(cuts), len(entries)]

    split = [entries[begin:end] for begin, end in pairwise(bounds)]
    repeats = [entries[number:] for number in again]

    assert stored(split + repeats) == stored([entries])
    assert len(stored([entries])) == len(messages)


@given(messages=st.lists(READINGS, min_size=1))
def test_a_place_is_less_than_a_microsecond_from_the_messages_own_time(messages: list[Message]) -> None:
    entries = numbered(1, messages)

    times = [int(point.line.split(" ")[2]) for point in make(Batch(entries, 0)).points]

    assert all(abs(time - message.time_ns) < 1_000 for time, message in zip(times, messages, strict=True))
