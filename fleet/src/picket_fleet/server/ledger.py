"""What devices tell all the time, contacts and log lines: written together some times a second, not one by one.

Who is here goes by the time that passes (`now`: picket_fleet.server.access.steady). The database has it by the clock,
and for all who were heard it is written anew when that has been set: nobody comes or goes by it.
"""

import logging
from collections import deque
from collections.abc import Iterable

from picket_fleet.store import devices, logs
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Contact, Device

WRITE_SECONDS = 0.5
SET_SECONDS = 1.0  # what a clock is off by at once when it was set; what is less is a clock that is made to go right

log = logging.getLogger(__name__)


class Ledger:
    """Collects, and writes in one transaction; says in the log who comes and who goes."""

    def __init__(self, database: Database, now: float, clock: float) -> None:
        """Begin with what the database has; who was heard when it was not yet `clock` (UTC) is here no more."""
        self._database = database
        self._names: dict[int, str] = {}
        self._offset = clock - now
        self._expected = {
            device.id: device.expected_at - self._offset
            for device in devices.everyone(database)
            if device.expected_at is not None and (device.seen_at or 0.0) <= clock
        }
        self._online: set[int] = set()
        self._seen: dict[int, float] = {}
        self._unwritten: set[int] = set()
        self._is_set = True
        self._lines: dict[int, deque[logs.Line]] = {}

    def heard(self, device: Device, now: float, next_seconds: float) -> None:
        """Note a contact, and that the next one is due within so many seconds at the latest."""
        self._seen[device.id] = now
        self._expected[device.id] = max(self._expected.get(device.id, now), now + next_seconds)
        self._unwritten.add(device.id)
        self._names[device.id] = device.name
        if device.id not in self._online:
            self._online.add(device.id)
            log.info("%s is online", device.name)

    def is_online(self, device: int, now: float) -> bool:
        """Tell whether a device (its id) is not overdue."""
        return now < self._expected.get(device, now)

    def said(self, device: Device, lines: Iterable[logs.Line]) -> None:
        """Note lines of a device's log."""
        self._lines.setdefault(device.id, deque(maxlen=logs.LINES)).extend(lines)

    def write(self, now: float, clock: float) -> None:
        """Write what came since the last time; what can't be written is kept for the next time."""
        for number in [number for number in self._online if self._expected[number] <= now]:
            self._online.remove(number)
            log.warning("%s is offline", self._names[number])
        if abs(clock - now - self._offset) >= SET_SECONDS:
            self._offset = clock - now
            self._is_set = True
            self._unwritten.update(self._seen)
        if not self._is_set and not self._unwritten and not self._lines:
            return
        with self._database.soon():
            devices.heard(self._database, map(self._contact, self._unwritten))
            if self._is_set:
                devices.expect_nobody_of_later(self._database, clock)
            for number, said in self._lines.items():
                logs.append(self._database, number, list(said))
        self._is_set = False
        self._unwritten.clear()
        self._lines.clear()

    def _contact(self, number: int) -> Contact:
        return Contact(number, self._seen[number] + self._offset, self._expected[number] + self._offset)
