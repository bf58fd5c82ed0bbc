"""Variables: of the fleet, of a service (--service), of a device (--device); later ones win."""

import argparse
import getpass
import sys

from picket_fleet.cli import names
from picket_fleet.cli.session import Commands, Session
from picket_fleet.cli.tables import as_json, table, width
from picket_fleet.errors import FleetError
from picket_fleet.store import devices, variables
from picket_fleet.store.variables import Variable

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
    device, service = _scope(session, arguments)
    unsaid = [text for text in arguments.variables if "=" not in text]
    if len(unsaid) > 1:
        raise FleetError(f"{', '.join(unsaid)}: one value at a time is read from stdin")
    given = [Variable(device, service, *_name_and_value(text)) for text in arguments.variables]
    for variable in given:
        variables.check(variable)
    with session.database.transaction():
        for variable in given:
            variables.put(session.database, variable)
    print(f"{', '.join(variable.name for variable in given)}: set {_reach(arguments)}")


def _unset(session: Session, arguments: argparse.Namespace) -> None:
    device, service = _scope(session, arguments)
    with session.database.transaction():
        for name in arguments.names:
            try:
                variables.remove(session.database, device, service, name)
            except FleetError as error:
                elsewhere = any(variable.name == name for variable in variables.everywhere(session.database))
                hint = f"; it is set elsewhere ('fleet env list'), not {_reach(arguments)}" if elsewhere else ""
                raise FleetError(f"{error}{hint}") from None
    print(f"{', '.join(arguments.names)}: removed {_reach(arguments)}")


def _list(session: Session, arguments: argparse.Namespace) -> None:
    device, service = _scope(session, arguments)
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


def _scope(session: Session, arguments: argparse.Namespace) -> tuple[int | None, str]:
    """Return the id of the device and the service that are meant; None and "" for all."""
    device = names.device(session.database, arguments.device).id if arguments.device else None
    return device, names.service(session.database, arguments.service) if arguments.service else ""


def _reach(arguments: argparse.Namespace) -> str:
    return f"for {arguments.service or 'all services'} on {arguments.device or 'all devices'}"


def _name_and_value(text: str) -> tuple[str, str]:
    name, is_said, value = text.partition("=")
    if is_said:
        return name, value
    if sys.stdin.isatty():
        return name, getpass.getpass(f"{name}: ")
    return name, sys.stdin.read().removesuffix("\n").removesuffix("\r")
