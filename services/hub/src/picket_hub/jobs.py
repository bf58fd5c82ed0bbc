"""What the hub's loop hands to the journal's thread, and what that reports back."""

from typing import NamedTuple

from picket.bus.journal import Batch, Commit, Entry, Query


class Appended(NamedTuple):
    """A message on its way to the disk; `producer` is its name and its start, as in "gpio-input:3f9c"."""

    producer: str
    seq: int
    topic: str
    body: bytes
    time_ns: int


class Read(NamedTuple):
    """A consumer's question, until when it may wait for an answer that is not empty, and what was found so far."""

    client: bytes
    number: bytes
    query: Query
    deadline: float
    found: tuple[Entry, ...] = ()
    after: int | None = None


class Flush(NamedTuple):
    """A wish that nothing waits any longer."""


class Committed(NamedTuple):
    """What is on disk since `at_ns` (UTC), and the highest number of each producer."""

    messages: list[Appended]
    numbers: dict[str, int]
    at_ns: int


class Answer(NamedTuple):
    """A batch for a consumer."""

    client: bytes
    number: bytes
    batch: Batch


class Said(NamedTuple):
    """That something is at fault; without a text, that it no longer is."""

    subject: str
    text: str = ""


Job = Appended | Read | Commit | Flush | None
Report = Committed | Answer | Said
