"""Variables: of the fleet, of a service (--service), of a device (--device); later ones win."""

import argparse
import getpass
import sys

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json, table, width
from picket_fleet.errors import FleetError
from picket_fleet.people import steering
from picket_fleet.people.session import Session
from picket_fleet.store import devices, variables

MASK = "********"


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add env set, unset and list."""
    scope = argparse.ArgumentParser(add_help=False)
    scope.add_argument("--service", metavar="SERVICE", help="for this service only")
    scope.add_argument("--device", metavar="DEVICE", help="on this device only")
    parents = [folder, scope]
    env = commands.add_parser("env", help="the variables that services are given").add_subparsers(
        dest="operation", required=True, metavar="WHAT"
    )
    put = env.add_parser("set", help="set one or more; what it reaches is started anew", parents=parents)
    put.add_argument("variables", metavar="NAME[=VALUE]", nargs="+", help="without '=', the value is read from stdin")
    put.set_defaults(run=_set)
    unset = env.add_parser("unset", help="remove one or more", parents=parents)
    unset.add_argument("names", metavar="NAME", nargs="+")
    unset.set_defaults(run=_unset)
    every = env.add_parser("list", help="those of fleet and devices, without their values", parents=parents)
    every.add_argument("--show", action="store_true", help="with their values")
    every.add_argument("--json", action="store_true", help="for programs")
    every.set_defaults(run=_list)


def _set(session: Session, arguments: argparse.Namespace) -> None:
    steering.scope(session, *_scope(arguments))  # before anything is read
    unsaid = [text for text in arguments.variables if "=" not in text]
    if len(unsaid) > 1:
        raise FleetError(f"{', '.join(unsaid)}: one value at a time is read from stdin")
    values = dict(_name_and_value(text) for text in arguments.variables)
    print(steering.set_variables(session, values, *_scope(arguments)))


def _unset(session: Session, arguments: argparse.Namespace) -> None:
    print(steering.unset_variables(session, arguments.names, *_scope(arguments)))


def _list(session: Session, arguments: argparse.Namespace) -> None:
    device, service = steering.scope(session, *_scope(arguments))
    called = {device.id: device.name for device in devices.everyone(session.database)}
    reach = variables.concerning(session.database, device) if device else variables.everywhere(session.database)
    listed = [
        {
            "name": variable.name,
            **({"value": variable.value} if arguments.show else {}),
            "service": variable.service,
            "device": called[variable.device] if variable.device else "",
        }
        for variable in sorted(
            reach, key=lambda v: (v.name, v.device is not None, called.get(v.device or 0), v.service)
        )
        if not service or variable.service in ("", service)
    ]
    if arguments.json:
        print(as_json(listed))
    elif listed:
        rows = [[v["name"], v.get("value", MASK), v["service"] or "all", v["device"] or "all"] for v in listed]
        print(table(["NAME", "VALUE", "SERVICE", "DEVICE"], rows, width()))
    else:
        print("no variables are set")


def _scope(arguments: argparse.Namespace) -> tuple[str, str]:
    return arguments.service or "", arguments.device or ""


def _name_and_value(text: str) -> tuple[str, str]:
    name, is_said, value = text.partition("=")
    if is_said:
        return name, value
    if sys.stdin.isatty():
        return name, getpass.getpass(f"{name}: ")
    return name, sys.stdin.read().removesuffix("\n").removesuffix("\r")
