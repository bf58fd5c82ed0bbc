"""Find the episodes that a killed process left without an end, by reading our own events back from the journal."""

import msgspec

from picket.messages import InputEvent, utc


class Orphans:
    """A pure machine over the journal's events, in their order."""

    def __init__(self) -> None:
        """Begin knowing none."""
        self._own: set[str] = set()
        self._first_own: int | None = None
        self._open: dict[str, InputEvent] = {}

    def begun(self, event: InputEvent) -> None:
        """Take in an event of this process, before it is in the journal: its episode is no orphan."""
        if event.type == "new":
            self._own.add(event.id)

    def read(self, event: InputEvent, number: int) -> None:
        """Take in the journal's entry `number`, of whatever process."""
        if event.id in self._own:
            self._first_own = self._first_own or number
        elif event.type == "end":
            self._open.pop(event.id, None)
        elif event.type == "new":
            self._open[event.id] = event

    def settled(self, cursor: int) -> int:
        """Return up to where the next process need not read: not past what this one has begun."""
        return cursor if self._first_own is None else min(cursor, self._first_own - 1)

    def ends(self, now_ns: int) -> list[InputEvent]:
        """Return the ends that are owed, once: to be asked when the journal has been read to its end."""
        orphans, self._open = list(self._open.values()), {}
        why = "the service was killed while it went on"
        return [
            msgspec.structs.replace(event, type="end", time_ns=now_ns, ended_at=utc(now_ns), why=why)
            for event in orphans
        ]
