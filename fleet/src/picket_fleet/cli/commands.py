"""The parser of all commands, and how one is run."""

import argparse
import os
import sqlite3
from pathlib import Path

from picket_fleet.cli import env, joining, log, preview, rename, rollout, serving, show, steer
from picket_fleet.errors import FleetError
from picket_fleet.people.session import Session

DESCRIPTION = "The fleet remote: git push builds a release and sends each device only the difference."
EPILOG = """A release is named by its version, the beginning of its commit id, or "latest"; a device by its name or the
beginning of its uuid. On a device itself, 'fleet device join', 'run' and 'sweep' are the agent."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands but the agent's; each sets `run(session, arguments)`, or `run_alone`."""
    fleet = argparse.ArgumentParser(
        prog="fleet", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = argparse.ArgumentParser(add_help=False)
    for place, default in ((fleet, None), (folder, argparse.SUPPRESS)):
        place.add_argument("--fleet", metavar="DIR", type=Path, default=default, help="(else $PICKET_FLEET, else here)")
    commands = fleet.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for room in (serving, show, steer, rollout, preview, rename, env, log, joining):
        room.add(commands, folder)
    return fleet


def run(words: list[str]) -> int:
    """Run a command; returns the exit code. Raises FleetError."""
    arguments = parser().parse_args(words)
    if "run_alone" in arguments:
        arguments.run_alone(arguments)
        return 0
    folder = arguments.fleet or Path(os.environ.get("PICKET_FLEET") or ".")
    try:
        with Session.open(folder) as session:
            arguments.run(session, arguments)
    except sqlite3.Error as error:
        raise FleetError(f"the fleet's database: {error}") from error
    return 0
