"""`picket journal`: read the hub's journal back."""

import argparse
import csv
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime

from picket.bus import Endpoints
from picket.bus.journal import Entry, Query, read_on
from picket.cli.watch import summary
from picket.config import load
from picket.errors import WireError
from picket.messages import decode, utc
from picket_hub.table import COLUMNS, rows

HELP = "print or export what the journal holds, and follow it"
FOLLOW_SECONDS = 20.0
PAGE = 500
UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("topics", nargs="*", default=[""], help="topics, as in event. or reading.air (default: all)")
    parser.add_argument("--last", type=_count, default=0, metavar="N", help="only the last N of them, at most 1000")
    parser.add_argument("--follow", action="store_true", help="go on with what comes")
    parser.add_argument("--since", type=moment_ns, default=0, metavar="TIME", help="2h, 7d, or 2026-11-21T10:00[Z]")
    parser.add_argument("--until", type=moment_ns, default=0, metavar="TIME", help="the same, not included")
    parser.add_argument("--after", type=int, default=0, metavar="ID", help="only what came after this id")
    parser.add_argument("--format", choices=WRITERS, default="lines", help="lines for people, or an export")
    parser.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def run(arguments: argparse.Namespace) -> int:
    """Print entries in order, a page at a time; raises BusError when the hub does not answer."""
    query = Query(
        topics=tuple(arguments.topics),
        after=arguments.after,
        limit=PAGE,
        wait_seconds=FOLLOW_SECONDS if arguments.follow else 0.0,
        since_ns=arguments.since,
        until_ns=arguments.until,
        last=arguments.last,
    )
    write = WRITERS[arguments.format]()
    for batch in read_on(Endpoints.of(load()), query):
        for entry in batch.entries:
            write(entry)
        sys.stdout.flush()
        if not arguments.follow and (arguments.last or not batch.entries):
            break
    return 0


def moment_ns(text: str, now: Callable[[], float] = time.time) -> int:
    """Return UTC nanoseconds of a moment, or of so long ago; without a zone it is this machine's."""
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    try:
        seconds = now() - float(ago[1]) * UNIT_SECONDS[ago[2]] if ago else datetime.fromisoformat(text).timestamp()
        return min(max(int(seconds * 1e9), 0), 2**63 - 1)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"expected 2h, 7d or 2026-11-21T10:00, got {text!r}") from None


def _lines() -> Callable[[Entry], None]:
    def write(entry: Entry) -> None:
        try:
            message = decode(entry.topic, entry.body)
            when = utc(message.time_ns).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
            text = f"{when}  {entry.topic:28} {summary(message)}"
        except WireError as error:
            text = f"?  {error}"
        sys.stdout.write(f"{entry.id:7} {text}\n")

    return write


def _json() -> Callable[[Entry], None]:
    def write(entry: Entry) -> None:
        sys.stdout.write(entry.body.decode(errors="replace") + "\n")

    return write


def _csv() -> Callable[[Entry], None]:
    table = csv.DictWriter(sys.stdout, COLUMNS, restval="", extrasaction="ignore")
    table.writeheader()
    return lambda entry: table.writerows(rows(entry))


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"expected 1 to 1000, got {text!r}")
    return int(text)


WRITERS = {"lines": _lines, "json": _json, "csv": _csv}
