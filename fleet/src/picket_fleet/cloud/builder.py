"""Build a release of a tar: `python -m picket_fleet.cloud.builder FOLDER TAR [--draft] [--no-cache] [--person NAME]`.

What it says are lines of JSON, for balena's command line (picket_fleet.cloud.push).
"""

import argparse
import json
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from picket_fleet.build.collect import collect
from picket_fleet.build.errors import Cancelled
from picket_fleet.build.release import INFO, Order, build_release, one_at_a_time, saying_once
from picket_fleet.errors import FleetError
from picket_fleet.home import load
from picket_fleet.remote.terminal import SIGNALS, WIDTH, cancel_on_signals


class Listener:
    """The one who sent the tar; whoever passes this on ends this process by a signal when nobody listens any more."""

    def say(self, service: str, line: str) -> None:
        """Tell how it goes."""
        label = "[Info]" if service == INFO else f"[{service}]"
        self.tell(message=f"{label:{WIDTH}} {line}\n")

    def still_there(self) -> None:
        """Go on: a signal says when not."""

    def confirm(self) -> None:
        """Let nothing cancel it from here on."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def tell(self, **fields: Any) -> None:
        """Write a line."""
        print(json.dumps(fields), flush=True)  # noqa: T201


def main() -> int:
    """Build, and return 0 when there is a release."""
    parser = argparse.ArgumentParser(prog="python -m picket_fleet.cloud.builder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("tar", type=Path)
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--no-cache", action="store_true")
    parser.add_argument("--person", default="")
    given = parser.parse_args()
    order = Order(tar=given.tar, is_draft=given.draft, cached=not given.no_cache, person=given.person)
    listener = Listener()
    cancel_on_signals()
    try:
        home = load(given.folder)
        wait = saying_once(listener, "Another release is being built; this one waits")
        with one_at_a_time(home, wait) as database:
            release = build_release(home, database, order, listener)
            listener.tell(type="metadata", resource="buildLogId", value=str(release.id))
            kind = "Draft" if release.revision is None else "Release"
            listener.say(INFO, f"{kind} {release.version} ({release.commit_id}) is there")
            with suppress(FleetError, OSError, sqlite3.Error):  # the next build tries again
                collect(home, database)
    except (FleetError, OSError, sqlite3.Error) as error:
        for line in str(error).splitlines():
            listener.tell(message=f"{'[Error]':{WIDTH}} {line}\n", isError=True)
        return 1
    except Cancelled:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
