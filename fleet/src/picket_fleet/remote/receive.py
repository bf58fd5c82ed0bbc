"""Receive a push: `python -m picket_fleet.remote.receive FOLDER`, as the hook of a fleet's repository.

It runs before git takes the push over: when it fails, all is as it was. What it prints reaches who pushes as it comes.
"""

import getpass
import os
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from picket_fleet.build.collect import collect
from picket_fleet.build.errors import Cancelled
from picket_fleet.build.release import build_release, one_at_a_time, saying_once
from picket_fleet.errors import FleetError
from picket_fleet.home import Home, load
from picket_fleet.releases.rollout import Phase
from picket_fleet.remote.push import Push, decide, options_of, updates_of
from picket_fleet.remote.terminal import Terminal, cancel_on_signals
from picket_fleet.store import releases, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release
from picket_fleet.store.rollouts import Kept


def receive(home: Home, push: Push, terminal: Terminal, person: str) -> Release:
    """Build what was pushed; raises FleetError, and Cancelled when nobody waits any more."""
    wait = saying_once(terminal, "Another release is being built; this one waits")
    with one_at_a_time(home, wait) as database:
        terminal.check_branch()
        before = rollouts.governing(database)
        release = build_release(home, database, replace(push.order, person=person), terminal)
        # It counts from here on: whatever happens, the push is taken.
        terminal.finish("[Success]", _done(release))
        terminal.finish("[Info]", _goes(database, before, release))
        try:
            collect(home, database)
        except (FleetError, OSError, sqlite3.Error) as error:
            terminal.finish("[Info]", f"Old releases are still there: {error}")
    return release


def _done(release: Release) -> str:
    if release.revision is None:
        return f"Draft {release.version} ({release.commit_id}) is there to be pinned"
    return f"Release {release.version} ({release.commit_id}) is out"


def _goes(database: Database, before: Kept | None, release: Release) -> str:
    """Say who gets a release first, and of what rollout it takes the place; "" where all get it at once."""
    policy = rollouts.policy(database)
    if policy is None or releases.target_of(database, None) == release or release.revision is None:
        return ""
    waves = ", ".join(policy.stage_name(stage) for stage in range(1, policy.last_stage + 1))
    said = [
        f"First for {policy.canary}, then {waves}: 'fleet rollout' tells how it goes, and so does 'git push -o watch'"
    ]
    if before and before.rollout.phase != Phase.DONE:
        version = releases.get(database, before.rollout.release).version
        why = f" ({before.rollout.reason})" if before.rollout.reason else ""
        said.insert(0, f"{version} was {before.rollout.phase}{why}; this one takes its place")
    return "\n".join(said)


def main(arguments: Sequence[str], lines: Sequence[str], environment: Mapping[str, str], out: int) -> int:
    """Do what the push asks for; return the status with which git takes it, or does not."""
    updates = updates_of(lines)
    try:
        push = decide(updates, options_of(environment))
        if push is None:
            Terminal(out, updates[0]).finish("[Info]", "Kept; only main or master build a release")
            return 0
        terminal = Terminal(out, push.update)
        cancel_on_signals()
        receive(load(Path(arguments[0])), push, terminal, _person(environment))
    except (FleetError, OSError, sqlite3.Error) as error:
        Terminal(out, updates[0]).finish("[Error]", f"{error}\nNot built, the fleet stays as it is")
        return 1
    except Cancelled:
        Terminal(out, updates[0]).finish("[Error]", "Cancelled, the fleet stays as it is")
        return 1
    return 0


def _person(environment: Mapping[str, str]) -> str:
    """Return who pushes: over HTTPS the token's name, else the user of this machine."""
    if person := environment.get("REMOTE_USER"):
        return person
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # it has no name here
        return ""


if __name__ == "__main__":
    # Threads that wait for the engine end with the process, and the engine then gives up.
    sys.exit(main(sys.argv[1:], sys.stdin.readlines(), os.environ, sys.stdout.fileno()))
