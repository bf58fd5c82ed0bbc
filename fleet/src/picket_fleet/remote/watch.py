"""Tell who pushed with `-o watch` how the release is rolled out: `python -m picket_fleet.remote.watch FOLDER`.

It runs as the hook after a push: the push is taken, and whether anybody goes on watching is no matter to it.
"""

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from picket_fleet.build.errors import Cancelled
from picket_fleet.build.release import INFO
from picket_fleet.errors import FleetError
from picket_fleet.home import Home, load
from picket_fleet.releases.rollout import Phase
from picket_fleet.remote.push import WATCH, Update, options_of, updates_of
from picket_fleet.remote.terminal import Terminal
from picket_fleet.store import releases, rollout_view
from picket_fleet.store.database import Database

LOOK_SECONDS = 1.0
BEGIN_SECONDS = 10.0


def watch(home: Home, terminal: Terminal, wait: Callable[[float], None] = time.sleep) -> None:
    """Tell each change of the rollout of the latest release until it has ended; raises Cancelled when nobody reads."""
    database = home.database()
    try:
        _watch(database, terminal, wait)
    finally:
        database.close()


def _watch(database: Database, terminal: Terminal, wait: Callable[[float], None]) -> None:
    said: tuple[str, ...] = ()
    waited = 0.0
    while True:
        found = rollout_view.view(database)
        rollout = found["rollout"]
        if rollout and rollout["release"]["commit"] == releases.find(database, "latest").commit_id:
            told = _told(rollout)
            for line in told:
                if line not in said:
                    terminal.say(INFO, line)
            said = told
            if rollout["phase"] != Phase.ROLLING:
                return
        elif said or found["policy"] is None:
            terminal.say(INFO, "Another release is followed by now" if said else "It is for everybody at once")
            return
        elif waited >= BEGIN_SECONDS:
            terminal.say(INFO, "It is rolled out as soon as the fleet's server runs")
            return
        terminal.still_there()
        wait(LOOK_SECONDS)
        waited += LOOK_SECONDS


def _told(rollout: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what is said of a rollout: where it stands, and each device that has got it."""
    version, stage = rollout["release"]["version"], rollout["stage"]

    def devices(stages: Iterable[int]) -> list[str]:
        found = [one for one in rollout["devices"] if one["stage"] in stages]
        return [": ".join(filter(None, (one["name"], one["state"], one["why"]))) for one in found]

    if rollout["phase"] == Phase.ROLLING:
        name = rollout["stages"][stage]["name"]
        return (*devices(range(stage)), f"{version}: {name}", *devices([stage]))
    why = f": {rollout['reason']}" if rollout["reason"] else ""
    return (*devices(range(stage + 1)), f"{version}: {rollout['phase']}{why}")


def main(arguments: Sequence[str], lines: Sequence[str], environment: Mapping[str, str], out: int) -> int:
    """Watch, if that was asked for."""
    updates: list[Update] = updates_of(lines)
    if WATCH in options_of(environment) and updates:
        try:
            watch(load(Path(arguments[0])), Terminal(out, updates[0]))
        except (FleetError, OSError, sqlite3.Error) as error:
            Terminal(out, updates[0]).finish("[Info]", f"{error}\nThe push is taken all the same")
        except Cancelled:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin.readlines(), os.environ, sys.stdout.fileno()))
