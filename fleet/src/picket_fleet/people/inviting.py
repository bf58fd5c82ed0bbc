"""Keys for machines that join, given out by the command line or the page."""

import secrets
from typing import NamedTuple

from picket_fleet.errors import FleetError
from picket_fleet.people import names
from picket_fleet.people.session import Session
from picket_fleet.store import devices, keys


class Invitation(NamedTuple):
    """What lets a machine join: a command with a key, good until a time."""

    address: str
    fingerprint: str
    key: str
    expires_at: float

    @property
    def command(self) -> str:
        """Return what is to be run on the new device, as root."""
        return f"fleet device join {self.address} --fingerprint {self.fingerprint} --key {self.key}"


def invite(session: Session, name: str = "", *, hours: float) -> Invitation:
    """Let a machine join, as a device of that name, or of any."""
    if name:
        names.check_new(name)
        if any(device.name == name for device in devices.everyone(session.database)):
            raise FleetError(f"there is a device named {name!r} already: 'fleet replace' gives its place to another")
    return _give_out(session, hours, f"join {name or secrets.token_hex(3)}", device_name=name or None)


def replace(session: Session, device: str, *, hours: float) -> Invitation:
    """Let a machine take a device's place, which is offline."""
    one = names.device(session.database, device)
    if one.is_online(session.now):
        raise FleetError(f"{one.name} is online: nobody takes a living device's place")
    return _give_out(session, hours, f"replace {one.name}", replaces=one.id)


def take_back(session: Session, invitation: str) -> str:
    """Let the key of an invitation open nothing any more; others than those have to be revoked by the command line."""
    if not any(key.name == invitation and key.kind == keys.PROVISIONING for key in keys.everyone(session.database)):
        raise FleetError(f"there is no key named {invitation!r} for machines that join")
    keys.revoke(session.database, invitation)
    return f"{invitation} opens nothing any more"


def positive(number: float) -> float:
    """Return how long something is to be; raises FleetError for no time, or an endless one."""
    if not 0 < number < 100_000:
        raise FleetError(f"{number:g}: expected how long, more than 0")
    return number


def _give_out(
    session: Session, hours: float, called: str, *, device_name: str | None = None, replaces: int | None = None
) -> Invitation:
    """Give out a provisioning key in place of an earlier one of that name."""
    expires_at = session.now + positive(hours) * 3600
    with session.database.transaction():
        for token in keys.everyone(session.database):
            is_over = token.expires_at is not None and token.expires_at <= session.now
            if token.name == called or (token.kind == keys.PROVISIONING and is_over):
                keys.revoke(session.database, token.name)
        key = keys.give_out(
            *(session.database, keys.PROVISIONING, called, expires_at), device_name=device_name, replaces=replaces
        )
    return Invitation(session.home.configuration.address, session.home.fingerprint(), key, expires_at)
