"""What devices tell all the time, contacts and log lines: written together some times a second, not one by one."""

import logging
from collections import deque
from collections.abc import Iterable

from picket_fleet.store import devices, logs
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Contact, Device

WRITE_SECONDS = 0.5

log = logging.getLogger(__name__)


class Ledger:
    """Collects, and writes in one transaction; says in the log who comes and who goes."""

    def __init__(self, database: Database) -> None:
        """Begin with what the database has."""
        self._database = database
        self._names: dict[int, str] = {}
        self._expected = {device.id: device.expected_at or 0.0 for device in devices.everyone(database)}
        self._online: set[int] = set()
        self._contacts: dict[int, Contact] = {}
        self._lines: dict[int, deque[logs.Line]] = {}

    def heard(self, device: Device, now: float, next_seconds: float) -> None:
        """Note a contact, and that the next one is due within so many seconds at the latest."""
        expected = max(self._expected.get(device.id, 0.0), now + next_seconds)
        self._expected[device.id] = expected
        self._contacts[device.id] = Contact(device.id, now, expected)
        self._names[device.id] = device.name
        if device.id not in self._online:
            self._online.add(device.id)
            log.info("%s is online", device.name)

    def is_online(self, device: int, now: float) -> bool:
        """Tell whether a device (its id) is not overdue."""
        return now < self._expected.get(device, 0.0)

    def said(self, device: Device, lines: Iterable[logs.Line]) -> None:
        """Note lines of a device's log."""
        self._lines.setdefault(device.id, deque(maxlen=logs.LINES)).extend(lines)

    def write(self, now: float) -> None:
        """Write what came since the last time; what can't be written is kept for the next time."""
        for number in [number for number in self._online if self._expected[number] <= now]:
            self._online.remove(number)
            log.warning("%s is offline", self._names[number])
        if not self._contacts and not self._lines:
            return
        with self._database.soon():
            devices.heard(self._database, self._contacts.values())
            for number, said in self._lines.items():
                logs.append(self._database, number, list(said))
        self._contacts.clear()
        self._lines.clear()
