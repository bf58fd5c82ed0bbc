"""How far the broker has what the journal holds: a pure machine over a batch and the broker's answers, in any order.

The broker's answer and the stored cursor are two things, and either side may die between them. What it answered is
stored in small steps, so that a killed gateway repeats little, and remembered here, so that a killed hub that forgot
the last steps makes nothing be sent twice.
"""

from collections.abc import Iterable

from picket.bus.journal import Entry

STEP = 10
REMEMBERED = 2000


class Progress:
    """The batch at hand, and what the broker has acknowledged of late."""

    def __init__(self) -> None:
        """Begin with no batch."""
        self._ids: list[int] = []
        self._missing: set[int] = set()
        self._passed = 0  # so many of the batch, from its head, are acknowledged
        self._told = 0
        # By number and contents: a journal that had to be begun anew numbers other messages the same.
        self._acknowledged: dict[int, int] = {}

    @property
    def done(self) -> bool:
        """Tell whether nothing of the batch is missing."""
        return not self._missing

    def begin(self, entries: Iterable[Entry]) -> list[Entry]:
        """Take a batch; return what of it is to be sent."""
        to_send = [entry for entry in entries if self._acknowledged.get(entry.id) != hash(entry)]
        self._ids = [entry.id for entry in to_send]
        self._missing = set(self._ids)
        self._passed = self._told = 0
        return to_send

    def abandon(self) -> None:
        """Forget the batch: what is missing of it will come again."""
        self.begin([])

    def acknowledge(self, entry: Entry) -> int:
        """Take in that the broker has an entry; return up to where the cursor may go now, 0 for no further.

        It may go past nothing that is missing, and goes in steps: each one is a write to the disk.
        """
        self._missing.discard(entry.id)
        self._acknowledged[entry.id] = hash(entry)
        if len(self._acknowledged) > REMEMBERED:
            del self._acknowledged[next(iter(self._acknowledged))]
        while self._passed < len(self._ids) and self._ids[self._passed] not in self._missing:
            self._passed += 1
        if self._passed - self._told < STEP:
            return 0
        self._told = self._passed
        return self._ids[self._passed - 1]
