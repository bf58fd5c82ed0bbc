"""Name devices, tag them and releases, write a note, and remove a device."""

import argparse

from picket_fleet.cli.subcommands import Commands
from picket_fleet.errors import FleetError
from picket_fleet.people import steering
from picket_fleet.people.session import Session


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
    print(steering.rename(session, arguments.device, arguments.name))


def _tag(session: Session, arguments: argparse.Namespace) -> None:
    wrong = [text for text in arguments.tags if "=" not in text]
    if wrong:
        raise FleetError(f"{wrong[0]}: expected NAME=VALUE")
    put = steering.tag_release if arguments.release else steering.tag_device
    print(put(session, arguments.what, {name: value for name, _, value in (t.partition("=") for t in arguments.tags)}))


def _note(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.note(session, arguments.release, arguments.text))


def _remove(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.remove(session, arguments.device, arguments.force))
