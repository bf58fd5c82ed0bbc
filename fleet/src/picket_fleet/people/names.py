"""What people name: devices, releases, services. An unknown name is answered with what there is."""

from collections.abc import Iterable, Sequence

from picket_fleet.agent.command import VERBS
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, releases
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

MOST = 12  # names told


def check_new(name: str) -> None:
    """Raise FleetError for a name that a device can't be given."""
    devices.check_name(name)
    if name in VERBS:
        raise FleetError(f"{name}: 'fleet device {name}' is a command, so no device is called that")


def device(database: Database, text: str) -> Device:
    """Return the device of that name, or whose uuid begins so; raises FleetError."""
    try:
        return devices.find(database, text)
    except FleetError as error:
        there_are = told(device.name for device in devices.everyone(database))
        raise FleetError(f"{error}; {there_are or 'none has joined yet'}") from None


def release(database: Database, text: str) -> Release:
    """Return the release of that version, whose commit id begins so, or "latest"; raises FleetError."""
    try:
        return releases.find(database, text)
    except FleetError as error:
        there_are = told(release.version for release in releases.everyone(database))
        raise FleetError(f"{error}; {there_are or 'nothing was pushed yet'}") from None


def service(database: Database, text: str) -> str:
    """Return a service's name as it is; raises FleetError where releases were built, and none has it."""
    known = sorted(releases.services_by_id(database).values())
    if known and text not in known:
        raise FleetError(f"{text}: no such service; {told(known)}")
    return text


def told(names: Iterable[str]) -> str:
    """Say what there is, in few words."""
    every = list(names)
    return f"there is {some(every)}" if every else ""


def some(names: Sequence[str]) -> str:
    """List names, and say how many more there are."""
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{', '.join(names[:MOST])}{more}"
