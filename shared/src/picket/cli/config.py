"""`picket config`: every effective value, and where it came from."""

import argparse
import json

from picket.config import load_with_origins

HELP = "print every effective value and where it came from; list every mistake"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("section", nargs="?", help="only what begins with this path, as in inputs.hall")
    parser.add_argument("--variables", action="store_true", help="a page on every variable that there is, in Markdown")
    parser.add_argument("--json", action="store_true", help="one JSON object: path -> {value, from}")


def run(arguments: argparse.Namespace) -> int:
    """Print the values; raises ConfigError with every mistake."""
    if arguments.variables:
        from picket.config.variables import page  # its imports cost more than all else here

        print(page(), end="")
        return 0
    rows = [
        (".".join(path), value, place)
        for path, value, place in load_with_origins(collectors=True).values()
        if not arguments.section or ".".join(path).startswith(arguments.section)
    ]
    if arguments.json:
        print(json.dumps({path: {"value": value, "from": place} for path, value, place in rows}, indent=2))
        return 0
    width = max((len(path) for path, _, _ in rows), default=0)
    for path, value, place in rows:
        print(f"{path:{width}}  {json.dumps(value):24}  {place}")
    return 0
