"""Make a fleet, and serve it."""

import argparse
import logging
from pathlib import Path

from picket_fleet import home
from picket_fleet.cli.subcommands import Commands
from picket_fleet.errors import FleetError
from picket_fleet.home import Configuration
from picket_fleet.people.session import Session
from picket_fleet.remote import repository


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add init and serve."""
    init = commands.add_parser("init", help="make a fleet: its keys, certificate, repository and configuration")
    init.add_argument("folder", metavar="DIR", type=Path, help="a folder that is empty or not there")
    init.add_argument("--name", required=True, help="of the fleet")
    init.add_argument("--address", required=True, metavar="https://HOST:PORT", help="how the server is reached")
    init.add_argument("--device-type", required=True, metavar="TYPE", help="like raspberrypi4-64: what builds are for")
    init.add_argument("--listen", metavar="HOST:PORT", help="where the server binds (0.0.0.0 and the address's port)")
    init.add_argument("--engine", metavar="URL", help="the container engine that builds (this machine's Docker)")
    init.set_defaults(run_alone=_init)
    serve = commands.add_parser("serve", help="serve the fleet: devices, and git over HTTPS", parents=[folder])
    serve.set_defaults(run=_serve)


def _init(arguments: argparse.Namespace) -> None:
    port = arguments.address.rpartition(":")[2].rstrip("/")
    given = {
        "name": arguments.name,
        "device_type": arguments.device_type,
        "address": arguments.address.rstrip("/"),
        "listen": arguments.listen or f"0.0.0.0:{port if port.isdecimal() else 443}",
        "engine": arguments.engine,
    }
    try:
        configuration = Configuration(**{name: value for name, value in given.items() if value})
    except ValueError as error:
        raise FleetError(str(error)) from None
    made = home.create(arguments.folder, configuration)
    repository.create(made)
    print(
        f"The fleet {configuration.name} lives in {made.folder}; its keys are there too: keep a copy.\n\n"
        f"  serve it             fleet --fleet {made.folder} serve\n"
        f"  push from here       git remote add fleet {made.repository}\n"
        f"  push from elsewhere  fleet --fleet {made.folder} token new NAME\n"
        f"  let a device join    fleet --fleet {made.folder} join NAME"
    )


def _serve(session: Session, _arguments: argparse.Namespace) -> None:
    from picket_fleet.build.release import sweep  # the only command that needs these
    from picket_fleet.server import app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    repository.create(session.home)  # its hook names this Python
    sweep(session.home)
    app.serve(session.home.folder)
