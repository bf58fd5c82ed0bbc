"""Say which release runs where, and what is restarted."""

import argparse

from picket_fleet.cli import names
from picket_fleet.cli.session import Commands, Session
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, fleet, releases
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add pin, rollback, invalidate, finalize and restart."""
    pin = commands.add_parser("pin", help="have all devices, or one, run a certain release", parents=[folder])
    which = pin.add_mutually_exclusive_group(required=True)
    which.add_argument("release", metavar="RELEASE", nargs="?")
    which.add_argument("--latest", action="store_true", help="no pin any more: the fleet follows the latest release")
    pin.add_argument("--device", metavar="DEVICE", help="this one only; without a pin it follows the fleet")
    pin.set_defaults(run=_pin)
    back = commands.add_parser("rollback", help="pin the last good release before the one now", parents=[folder])
    back.add_argument("--device", metavar="DEVICE", help="this one only")
    back.set_defaults(run=_rollback)
    invalid = commands.add_parser("invalidate", help="have a release not be followed as the latest", parents=[folder])
    invalid.add_argument("release", metavar="RELEASE")
    invalid.add_argument("--undo", action="store_true", help="let it be followed again")
    invalid.set_defaults(run=_invalidate)
    final = commands.add_parser("finalize", help="make a draft a release that is followed", parents=[folder])
    final.add_argument("release", metavar="RELEASE")
    final.set_defaults(run=_finalize)
    restart = commands.add_parser("restart", help="restart what runs on a device", parents=[folder])
    restart.add_argument("device", metavar="DEVICE")
    restart.add_argument("--service", metavar="SERVICE", help="this one only")
    restart.set_defaults(run=_restart)


def _pin(session: Session, arguments: argparse.Namespace) -> None:
    is_latest = arguments.latest or arguments.release == "latest"
    release = None if is_latest else names.release(session.database, arguments.release)
    _set_pin(session, release, _device(session, arguments.device))


def _rollback(session: Session, arguments: argparse.Namespace) -> None:
    device = _device(session, arguments.device)
    previous = releases.previous(session.database, device)
    if previous is None:
        raise FleetError("there is no good release before this one")
    _set_pin(session, previous, device)


def _invalidate(session: Session, arguments: argparse.Namespace) -> None:
    release = names.release(session.database, arguments.release)
    with session.database.transaction():
        runs = releases.target_of(session.database, None)
        releases.invalidate(session.database, release.id, is_invalidated=not arguments.undo)
        if runs and not releases.target_of(session.database, None):
            raise FleetError(f"{release.version} is the only good release: without it devices would run nothing")
    print(f"{release.version} is {'good again' if arguments.undo else 'invalidated'}; {_runs(session)}")


def _finalize(session: Session, arguments: argparse.Namespace) -> None:
    draft = names.release(session.database, arguments.release)
    final = releases.finalise(session.database, draft.id, session.home.sign)
    print(f"{draft.version} is {final.version} now; {_runs(session)}")


def _restart(session: Session, arguments: argparse.Namespace) -> None:
    device = names.device(session.database, arguments.device)
    service = names.service(session.database, arguments.service) if arguments.service else ""
    devices.restart(session.database, device.id, service)
    when = "now" if device.is_online(session.now) else "when it is back: it is offline"
    print(f"{device.name} restarts {service or 'all its services'} {when}")


def _set_pin(session: Session, release: Release | None, device: Device | None) -> None:
    if device is None:
        fleet.pin(session.database, release.id if release else None)
        print(_runs(session))
        return
    devices.pin(session.database, device.id, release.id if release else None)
    now = releases.target_of(session.database, devices.get(session.database, device.id))
    runs = now.version if now else "nothing yet"
    print(f"{device.name} is to run {runs}{' (pinned)' if release else ', as its fleet does'}")


def _runs(session: Session) -> str:
    """Say what the fleet is to run, and who does not follow it."""
    now = releases.target_of(session.database, None)
    is_pinned = fleet.get(session.database).pinned_release is not None
    why = "pinned, until 'fleet pin --latest'" if is_pinned else "the latest"
    text = f"the fleet is to run {now.version} ({why})" if now else "the fleet has nothing to run"
    others = [device.name for device in devices.everyone(session.database) if device.pinned_release is not None]
    return f"{text}; pinned by themselves: {', '.join(others)}" if others else text


def _device(session: Session, text: str | None) -> Device | None:
    return names.device(session.database, text) if text else None
