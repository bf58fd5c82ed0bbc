"""`picket journal`: read the hub's journal back."""

import argparse
import sys

from picket.bus import Endpoints
from picket.bus.journal import Query, read_once
from picket.cli.watch import line
from picket.config import load

HELP = "print what the journal holds, and follow it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("topics", nargs="*", default=[""], help="topics, as in event. or reading.air (default: all)")
    parser.add_argument("--after", type=int, default=0, metavar="ID", help="only what came after this id")
    parser.add_argument("--follow", action="store_true", help="go on with what comes")
    parser.add_argument("--json", action="store_true", help="the messages as they are, one JSON line each")


def run(arguments: argparse.Namespace) -> int:
    """Print entries in order; raises BusError when the hub does not answer."""
    endpoints = Endpoints.of(load())
    after = arguments.after
    while True:
        wait = 20.0 if arguments.follow else 0.0
        batch = read_once(endpoints, Query(topics=tuple(arguments.topics), after=after, limit=500, wait_seconds=wait))
        for entry in batch.entries:
            text = entry.body.decode(errors="replace") if arguments.json else f"{entry.id:7} {line(*entry[1:])}"
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
        after = max(after, batch.cursor)
        if not batch.entries and not arguments.follow:
            return 0
