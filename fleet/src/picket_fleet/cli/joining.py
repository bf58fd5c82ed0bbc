"""Let machines join the fleet, and people push to it."""

import argparse
import secrets

from picket_fleet.cli import names
from picket_fleet.cli.session import Commands, Session
from picket_fleet.cli.tables import as_json, span, table, timestamp, width
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, keys

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
    token = commands.add_parser("token", help="who may push, and join").add_subparsers(
        dest="operation", required=True, metavar="WHAT"
    )
    new = token.add_parser("new", help="let somebody push", parents=[folder, asked])
    new.add_argument("name", metavar="NAME")
    new.add_argument("--days", type=float, metavar="N", help="how long it is good (until it is revoked)")
    new.set_defaults(run=_new)
    token.add_parser("list", help="all tokens and keys", parents=[folder, asked]).set_defaults(run=_list)
    revoke = token.add_parser("revoke", help="let one open nothing any more", parents=[folder])
    revoke.add_argument("name", metavar="NAME")
    revoke.set_defaults(run=_revoke)


def _join(session: Session, arguments: argparse.Namespace) -> None:
    name = arguments.name
    if name is not None:
        names.check_new(name)
        if any(device.name == name for device in devices.everyone(session.database)):
            raise FleetError(f"there is a device named {name!r} already: 'fleet replace' gives its place to another")
    called = f"join {name or secrets.token_hex(3)}"
    _give_out(session, arguments, called, device_name=name)


def _replace(session: Session, arguments: argparse.Namespace) -> None:
    device = names.device(session.database, arguments.device)
    if device.is_online(session.now):
        raise FleetError(f"{device.name} is online: nobody takes a living device's place")
    _give_out(session, arguments, f"replace {device.name}", replaces=device.id)


def _give_out(
    session: Session,
    arguments: argparse.Namespace,
    called: str,
    *,
    device_name: str | None = None,
    replaces: int | None = None,
) -> None:
    """Give out a provisioning key in place of an earlier one of that name, and print what is done with it."""
    expires_at = session.now + _positive(arguments.hours) * 3600
    with session.database.transaction():
        for token in keys.everyone(session.database):
            is_over = token.expires_at is not None and token.expires_at <= session.now
            if token.name == called or (token.kind == keys.PROVISIONING and is_over):
                keys.revoke(session.database, token.name)
        key = keys.give_out(
            *(session.database, keys.PROVISIONING, called, expires_at), device_name=device_name, replaces=replaces
        )
    address, fingerprint = session.home.configuration.address, session.home.fingerprint()
    command = f"fleet device join {address} --fingerprint {fingerprint} --key {key}"
    if arguments.json:
        said = {"address": address, "fingerprint": fingerprint, "key": key, "expires_at": timestamp(expires_at)}
        print(as_json({**said, "command": command}))
        return
    print(f"Within {span(expires_at - session.now)}, on the new device:\n\n  sudo {command}\n")


def _new(session: Session, arguments: argparse.Namespace) -> None:
    expires_at = None if arguments.days is None else session.now + _positive(arguments.days) * 86_400
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
        f"  git push fleet main          as any user; the token is the password"
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


def _positive(number: float) -> float:
    if not 0 < number < 100_000:
        raise FleetError(f"{number:g}: expected how long, more than 0")
    return number
