"""Find the events that have begun and not ended, by reading a service's own events back from the journal."""

from typing import Generic, TypeVar

from picket.messages import InputEvent, ThresholdEvent

Event = TypeVar("Event", InputEvent, ThresholdEvent)


class Unended(Generic[Event]):
    """A pure machine over the journal's events, in their order; hearing some of them again changes nothing."""

    def __init__(self) -> None:
        """Begin knowing none."""
        self._open: dict[str, tuple[int, Event]] = {}

    def read(self, event: Event, number: int) -> None:
        """Take in the journal's entry `number`."""
        if event.type == "new":
            self._open[event.id] = (number, event)
        elif event.type == "end":
            self._open.pop(event.id, None)

    def events(self) -> list[Event]:
        """Return what has no end, in the order of its beginning."""
        return [event for _, event in self._open.values()]

    def settled(self, cursor: int) -> int:
        """Return up to where the next process need not read: not past the beginning of what goes on."""
        return min([cursor, *(number - 1 for number, _ in self._open.values())])
