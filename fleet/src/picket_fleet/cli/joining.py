"""Let machines join the fleet, and people push to it."""

import argparse

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json, table, width
from picket_fleet.errors import FleetError
from picket_fleet.people import inviting, names
from picket_fleet.people.inviting import Invitation
from picket_fleet.people.session import Session
from picket_fleet.people.wording import span, timestamp
from picket_fleet.store import keys

HOURS = 24.0


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add join, replace, and token new, list and revoke."""
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--json", action="store_true", help="for programs")
    lasts = argparse.ArgumentParser(add_help=False)
    lasts.add_argument(
        "--hours", type=float, default=HOURS, metavar="N", help=f"how long the key is good ({HOURS:.0f})"
    )
    join = commands.add_parser(
        "join", help="print the command that lets a machine join", parents=[folder, asked, lasts]
    )
    join.add_argument("name", metavar="NAME", nargs="?", help="what the device will be called; without, any may join")
    join.set_defaults(run=_join)
    replace = commands.add_parser(
        "replace",
        help="print the command by which a new card takes a dead device's place",
        parents=[folder, asked, lasts],
    )
    replace.add_argument("device", metavar="DEVICE")
    replace.set_defaults(run=_replace)
    token = commands.add_parser("token", help="who may push and use the page, and who may join").add_subparsers(
        dest="operation", required=True, metavar="WHAT"
    )
    new = token.add_parser("new", help="let somebody push, and use the page", parents=[folder, asked])
    new.add_argument("name", metavar="NAME")
    new.add_argument("--days", type=float, metavar="N", help="how long it is good (until it is revoked)")
    new.set_defaults(run=_new)
    token.add_parser("list", help="all tokens and keys", parents=[folder, asked]).set_defaults(run=_list)
    revoke = token.add_parser("revoke", help="let one open nothing any more", parents=[folder])
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)


def _join(session: Session, arguments: argparse.Namespace) -> None:
    _show(session, inviting.invite(session, arguments.name or "", hours=arguments.hours), arguments)


def _replace(session: Session, arguments: argparse.Namespace) -> None:
    _show(session, inviting.replace(session, arguments.device, hours=arguments.hours), arguments)


def _show(session: Session, invitation: Invitation, arguments: argparse.Namespace) -> None:
    if arguments.json:
        said = {**invitation._asdict(), "expires_at": timestamp(invitation.expires_at)}
        print(as_json({**said, "command": invitation.command}))
        return
    print(f"Within {span(invitation.expires_at - session.now)}, on the new device:\n\n  sudo {invitation.command}\n")


def _new(session: Session, arguments: argparse.Namespace) -> None:
    expires_at = None if arguments.days is None else session.now + inviting.positive(arguments.days) * 86_400
    token = keys.give_out(session.database, keys.PERSON, arguments.name, expires_at)
    configuration = session.home.configuration
    remote = f"{configuration.address}/git/{configuration.name}.git"
    if arguments.json:
        said = {"name": arguments.name, "token": token, "expires_at": timestamp(expires_at), "remote": remote}
        print(as_json({**said, "certificate": str(session.home.certificate)}))
        return
    print(
        f"The token, shown this once: {token}\n\n"
        f"Copy {session.home.certificate} to where the push comes from, and there:\n\n"
        f'  git config --global http.{configuration.address}/.sslCAInfo "$PWD/{session.home.certificate.name}"\n'
        f"  git remote add fleet {remote}\n"
        f"  git push fleet main          as any user; the token is the password\n\n"
        f"In a browser, it logs in at {configuration.address}/"
    )


def _list(session: Session, arguments: argparse.Namespace) -> None:
    every = keys.everyone(session.database)
    if arguments.json:
        print(
            as_json(
                [
                    {"name": token.name, "lets": _lets(token), "expires_at": timestamp(token.expires_at)}
                    for token in every
                ]
            )
        )
    elif every:
        rows = [[token.name, _lets(token), _left(token, session.now)] for token in every]
        print(table(["NAME", "LETS", "EXPIRES"], rows, width()))
    else:
        print("no tokens")


def _revoke(session: Session, arguments: argparse.Namespace) -> None:
    try:
        keys.revoke(session.database, arguments.name)
    except FleetError as error:
        there_are = names.told(token.name for token in keys.everyone(session.database))
        raise FleetError(f"{error}; {there_are or 'there is none'}") from None
    print(f"{arguments.name} opens nothing any more")


def _lets(token: keys.Token) -> str:
    return "push" if token.kind == keys.PERSON else "join"


def _left(token: keys.Token, now: float) -> str:
    if token.expires_at is None:
        return "never"
    return f"in {span(token.expires_at - now)}" if token.expires_at > now else "expired"
