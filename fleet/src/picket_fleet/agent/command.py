"""`fleet device join|run|sweep`."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from picket_fleet.agent import device as devices

VERBS = ("join", "run", "sweep")


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; returns the exit code. Raises FleetError."""
    arguments = parser().parse_args(argv)
    code: int = arguments.act(arguments)
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of the agent's commands."""
    device = argparse.ArgumentParser(prog="fleet device", description="The agent of a device.")
    folder = argparse.ArgumentParser(add_help=False)
    folder.add_argument("--folder", type=Path, default=devices.FOLDER, metavar="DIR", help="its own (%(default)s)")
    verbs = device.add_subparsers(dest="verb", required=True, metavar="VERB")
    join = verbs.add_parser(
        "join", help="join a fleet, once: 'fleet join' at the server prints the command", parents=[folder]
    )
    join.add_argument("address", metavar="ADDRESS", help="https://host:port")
    join.add_argument("--fingerprint", required=True, metavar="HEX", help="of the server's certificate")
    join.add_argument("--key", required=True, metavar="KEY", help="a provisioning key")
    join.add_argument("--name", default="", metavar="NAME", help="where the key does not say")
    join.add_argument("--device-type", default="", metavar="TYPE", help="in balena's words (what this machine is)")
    join.add_argument("--engine", default="/var/run/docker.sock", metavar="SOCKET", help="(%(default)s)")
    join.add_argument("--no-start", action="store_true", help="leave systemd alone")
    join.set_defaults(act=_join)
    verbs.add_parser("run", help="run the agent", parents=[folder]).set_defaults(act=_run)
    sweep = verbs.add_parser("sweep", help="remove what a power cut left of an update, while the engine is stopped")
    sweep.add_argument("--root", type=Path, default=Path("/var/lib/docker"), metavar="DIR", help="(%(default)s)")
    sweep.set_defaults(act=_sweep)
    return device


def _join(arguments: argparse.Namespace) -> int:
    from picket_fleet.agent.join import join
    from picket_fleet.agent.units import install

    device = join(arguments.folder, arguments)
    print(f"This is {device.name} now.")
    if arguments.no_start or not install(arguments.folder):
        print(f"'fleet device run --folder {arguments.folder}' is its agent.")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    from picket_fleet.agent.agent import Agent

    logging.basicConfig(format="%(message)s", level=logging.INFO, stream=sys.stdout)
    agent = Agent(arguments.folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        # In a thread of its own: what it interrupts here may hold the very lock that it needs.
        signal.signal(number, lambda *_: threading.Thread(target=agent.stop).start())
    agent.run()
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    from picket_fleet.agent.sweep import sweep

    removed = sweep(arguments.root)
    print(f"{len(removed)} leftovers removed" if removed else "nothing to sweep")
    return 0
