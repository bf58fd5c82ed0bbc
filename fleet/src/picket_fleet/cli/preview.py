"""Say what a push would do to the devices, before it is one."""

import argparse
import subprocess
import sys

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json
from picket_fleet.errors import FleetError
from picket_fleet.people.session import Session
from picket_fleet.people.wording import printable


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add preview."""
    preview = commands.add_parser("preview", help="what pushing a commit would do to each device", parents=[folder])
    preview.add_argument("commit", metavar="COMMIT", nargs="?", default="HEAD", help="of the repository here (HEAD)")
    preview.add_argument("--json", action="store_true", help="for programs")
    preview.set_defaults(run=_preview)


class _Onlooker:
    """Who waits for the build: it goes on until Ctrl-C."""

    def say(self, service: str, line: str) -> None:
        """Print what is not the answer on stderr."""
        label = f"[{service}]" if service else "[Info]"
        print(f"{label:12} {printable(line)}", file=sys.stderr, flush=True)

    def still_there(self) -> None:
        """Go on."""

    def confirm(self) -> None:
        """Go on."""


def _preview(session: Session, arguments: argparse.Namespace) -> None:
    from picket_fleet.build.draft import try_out  # the builder's half of the program
    from picket_fleet.store.effects import lines

    commit = _git("rev-parse", "--verify", "--quiet", f"{arguments.commit}^{{commit}}").strip()
    if not commit:
        raise FleetError(f"{arguments.commit}: no such commit in the repository here")
    if arguments.commit == "HEAD" and _git("status", "--porcelain"):
        print("what is not committed is not in it", file=sys.stderr)
    found = try_out(session.home, commit, _Onlooker())
    if arguments.json:
        print(as_json(found))
    elif found:
        print("\n".join(printable(line) for line in lines(found)))
    else:
        print("no device has joined yet")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
