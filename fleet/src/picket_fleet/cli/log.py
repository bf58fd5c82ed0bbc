"""Show what the services of a device say."""

import argparse
import time

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json_line
from picket_fleet.errors import FleetError
from picket_fleet.people import names
from picket_fleet.people.session import Session
from picket_fleet.people.wording import moment, printable, timestamp
from picket_fleet.store import logs
from picket_fleet.store.logs import Line

LOOK_SECONDS = 0.3


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add logs."""
    log = commands.add_parser(
        "logs", help=f"what a device's services say (the last {logs.LINES} lines)", parents=[folder]
    )
    log.add_argument("device", metavar="DEVICE")
    log.add_argument("--service", metavar="SERVICE", help="this one only")
    log.add_argument("-n", "--lines", metavar="N", type=int, default=100, help="the last N lines (100)")
    log.add_argument("-f", "--follow", action="store_true", help="and all that come, until Ctrl-C")
    log.add_argument("--json", action="store_true", help="for programs: an object a line")
    log.set_defaults(run=_logs)


def _logs(session: Session, arguments: argparse.Namespace) -> None:
    if arguments.lines < 0:
        raise FleetError("-n: expected a number of lines")
    device = names.device(session.database, arguments.device)
    service = names.service(session.database, arguments.service) if arguments.service else None
    write = _write_json if arguments.json else _write
    after = max((line.id for line in logs.tail(session.database, device.id, count=1)), default=0)
    lines = logs.tail(session.database, device.id, count=arguments.lines, service=service)
    while True:
        for line in lines:
            write(line)
            after = max(after, line.id)
        if not arguments.follow:
            return
        time.sleep(LOOK_SECONDS)
        lines = logs.tail(session.database, device.id, count=logs.LINES, service=service, after=after)


def _write(line: Line) -> None:
    who = "(device)" if line.is_system or not line.service else line.service
    print(f"{moment(line.time)}  {who}  {printable(line.message)}", flush=True)


def _write_json(line: Line) -> None:
    said = {"time": timestamp(line.time), "service": line.service, "is_system": line.is_system}
    print(as_json_line({**said, "is_error": line.is_error, "message": line.message}), flush=True)
