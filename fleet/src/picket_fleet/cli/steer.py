"""Say which release runs where, and what is restarted, stopped and started."""

import argparse

from picket_fleet.cli.subcommands import Commands
from picket_fleet.people import steering
from picket_fleet.people.session import Session


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add pin, rollback, invalidate, finalize, restart, stop, start and identify."""
    pin = commands.add_parser("pin", help="have all devices, or one, run a certain release", parents=[folder])
    goal = pin.add_mutually_exclusive_group(required=True)
    goal.add_argument("release", metavar="RELEASE", nargs="?")
    goal.add_argument("--latest", action="store_true", help="no pin any more: the fleet follows the latest release")
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
    for name, run, text in (
        ("stop", _stop, "stop a service on a device; it stays so, also with other releases"),
        ("start", _start, "start a service that was stopped"),
    ):
        one = commands.add_parser(name, help=text, parents=[folder])
        one.add_argument("device", metavar="DEVICE")
        one.add_argument("--service", metavar="SERVICE", required=True)
        one.set_defaults(run=run)
    which = commands.add_parser(
        "identify", help="have a device blink, or say in its log that it can't", parents=[folder]
    )
    which.add_argument("device", metavar="DEVICE")
    which.set_defaults(run=_identify)


def _pin(session: Session, arguments: argparse.Namespace) -> None:
    release = "latest" if arguments.latest else arguments.release
    print(steering.pin(session, release, arguments.device or ""))


def _rollback(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.rollback(session, arguments.device or ""))


def _invalidate(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.invalidate(session, arguments.release, arguments.undo))


def _finalize(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.finalize(session, arguments.release))


def _restart(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.restart(session, arguments.device, arguments.service or ""))


def _stop(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.stop(session, arguments.device, arguments.service))


def _start(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.start(session, arguments.device, arguments.service))


def _identify(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.identify(session, arguments.device))
