"""Name devices, tag them and releases, write a note, and remove a device."""

import argparse

from picket_fleet.cli import names
from picket_fleet.cli.session import Commands, Session
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, releases


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add rename, tag, note and remove."""
    rename = commands.add_parser("rename", help="give a device another name", parents=[folder])
    rename.add_argument("device", metavar="DEVICE")
    rename.add_argument("name", metavar="NAME")
    rename.set_defaults(run=_rename)
    tag = commands.add_parser("tag", help="tag a device or a release", parents=[folder])
    tag.add_argument("what", metavar="DEVICE|RELEASE")
    tag.add_argument("tags", metavar="NAME=VALUE", nargs="+", help="'NAME=' alone removes it")
    tag.add_argument("--release", action="store_true", help="it is a release")
    tag.set_defaults(run=_tag)
    note = commands.add_parser("note", help="write a release's note", parents=[folder])
    note.add_argument("release", metavar="RELEASE")
    note.add_argument("text", metavar="TEXT")
    note.set_defaults(run=_note)
    remove = commands.add_parser("remove", help="forget a device, its key, variables and log", parents=[folder])
    remove.add_argument("device", metavar="DEVICE")
    remove.add_argument("--force", action="store_true", help="also one that is online")
    remove.set_defaults(run=_remove)


def _rename(session: Session, arguments: argparse.Namespace) -> None:
    device = names.device(session.database, arguments.device)
    names.check_new(arguments.name)
    devices.rename(session.database, device.id, arguments.name)
    print(f"{device.name} is {arguments.name} now")


def _tag(session: Session, arguments: argparse.Namespace) -> None:
    wrong = [text for text in arguments.tags if "=" not in text]
    if wrong:
        raise FleetError(f"{wrong[0]}: expected NAME=VALUE")
    put = releases.tag if arguments.release else devices.tag
    which = names.release if arguments.release else names.device
    with session.database.transaction():
        number = which(session.database, arguments.what).id
        for name, _, value in (text.partition("=") for text in arguments.tags):
            put(session.database, number, name, value or None)
    print(f"{arguments.what}: {', '.join(arguments.tags)}")


def _note(session: Session, arguments: argparse.Namespace) -> None:
    release = names.release(session.database, arguments.release)
    releases.annotate(session.database, release.id, arguments.text)
    print(f"{release.version}: {arguments.text}")


def _remove(session: Session, arguments: argparse.Namespace) -> None:
    device = names.device(session.database, arguments.device)
    if device.is_online(session.now) and not arguments.force:
        raise FleetError(f"{device.name} is online: stop its agent first, or --force")
    devices.remove(session.database, device.id)
    print(f"{device.name} is forgotten")
