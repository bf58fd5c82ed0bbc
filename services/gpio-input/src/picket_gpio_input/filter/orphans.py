"""Find the episodes that a killed process left without an end, by reading our own events back from the journal."""

import msgspec

from picket.messages import InputEvent, utc
from picket.own_events import Unended


class Orphans:
    """A pure machine over the journal's events, in their order."""

    def __init__(self) -> None:
        """Begin knowing none."""
        self._unended = Unended[InputEvent]()
        self._seen_to: set[str] = set()  # begun by this process, or given their end by it

    def begun(self, event: InputEvent) -> None:
        """Take in an event of this process, before it is in the journal: its episode is no orphan."""
        if event.type == "new":
            self._seen_to.add(event.id)

    def read(self, event: InputEvent, number: int) -> None:
        """Take in the journal's entry `number`, of whatever process."""
        self._unended.read(event, number)
        if event.type == "end":
            self._seen_to.discard(event.id)

    def settled(self, cursor: int) -> int:
        """Return up to where the next process need not read: not past the beginning of what goes on."""
        return self._unended.settled(cursor)

    def ends(self, now_ns: int) -> list[InputEvent]:
        """Return the ends that are owed, once: to be asked when the journal has been read to its end."""
        orphans = [event for event in self._unended.events() if event.id not in self._seen_to]
        self._seen_to.update(event.id for event in orphans)
        why = "the service was killed while it went on"
        return [
            msgspec.structs.replace(event, type="end", time_ns=now_ns, ended_at=utc(now_ns), why=why)
            for event in orphans
        ]
