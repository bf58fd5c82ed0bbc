"""Decide what becomes of a producer's message: fanned out, stored, asked for again, or known already.

A producer is one start of a named process; its messages carry a number, and the number of the message before it that
the producer still holds (0: none). What is stored has no gap that the producer could still fill.
"""

from collections import OrderedDict
from typing import NamedTuple

MAX_STREAMS = 256


class Verdict(NamedTuple):
    """What to do with one message; `reply` is "ack", "back" or "" and goes with the committed number."""

    fan_out: bool
    store: bool
    reply: str


class Stream:
    """One producer's numbers: `live` was fanned out, `accepted` was handed to the journal, `committed` is on disk."""

    def __init__(self, committed: int) -> None:
        """Go on after what is on disk."""
        self.live = self.accepted = self.committed = committed
        self._asked_back = False

    def arrive(self, seq: int, after: int, *, room: bool) -> Verdict:
        """Judge the message `seq` that follows `after`; without `room` it is only fanned out, and comes again later."""
        fan_out = seq > self.live
        self.live = max(self.live, seq)
        if seq <= self.accepted:
            return Verdict(fan_out, False, "ack" if seq <= self.committed else "")
        if after > self.accepted:
            reply = "" if self._asked_back else "back"
            self._asked_back = True
            return Verdict(fan_out, False, reply)
        if not room:
            return Verdict(fan_out, False, "")
        self.accepted = seq
        self._asked_back = False
        return Verdict(fan_out, True, "")


class Streams:
    """All producers' numbers, by identity ("gpio-input:3f9c"): an older start may still be there, and comes to its end.

    Those that have been silent the longest are forgotten first.
    """

    def __init__(self, committed: dict[str, int]) -> None:
        """Go on after what is on disk."""
        self._streams: OrderedDict[bytes, Stream] = OrderedDict()
        for producer, seq in committed.items():
            self._streams[producer.encode("latin-1")] = Stream(seq)

    def of(self, identity: bytes) -> Stream:
        """Return the numbers of a producer that is heard."""
        stream = self._streams.get(identity)
        if stream is None:
            stream = self._streams[identity] = Stream(committed=0)
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(identity)
        return stream

    def commit(self, identity: bytes, seq: int) -> None:
        """Note what is on disk of a producer."""
        stream = self._streams.get(identity)
        if stream:
            stream.committed = seq
