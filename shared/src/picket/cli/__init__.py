"""`picket`: one command line for people; each room brings its own commands (entry points "picket.commands")."""

import argparse
import sys
from importlib.metadata import entry_points

from picket.errors import ConfigError, PicketError


def main() -> None:
    """Run the command that the arguments name."""
    parser = argparse.ArgumentParser(prog="picket", description="Picket: guards a place with a Raspberry Pi.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    wanted = next((a for a in sys.argv[1:] if not a.startswith("-")), "")
    commands = {entry.name: entry for entry in entry_points(group="picket.commands")}
    # Only the wanted command is imported; for the help all are.
    for name, entry in sorted(commands.items()):
        if wanted in commands and name != wanted:
            continue
        module = entry.load()
        subparser = subparsers.add_parser(name, help=module.HELP, description=module.HELP)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except ConfigError as error:
        sys.exit(str(error))  # each line names its place
    except PicketError as error:
        sys.exit(f"picket {arguments.command}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
