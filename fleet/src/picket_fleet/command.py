"""`picket compose`: say what balena would refuse in a docker-compose.yml."""

import argparse
import sys
from pathlib import Path

from picket_fleet.compose import check
from picket_fleet.compose_file import UnreadableError, read

HELP = "list what balena would refuse in a docker-compose.yml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("file", nargs="?", type=Path, default=Path("docker-compose.yml"))


def run(arguments: argparse.Namespace) -> int:
    """Print each problem with its line; return 1 if there is any."""
    try:
        composition = read(arguments.file.read_text(encoding="utf-8"))
    except OSError as error:
        print(f"{arguments.file}: can't be read: {error.strerror}", file=sys.stderr)
        return 1
    except (UnreadableError, UnicodeDecodeError) as error:
        print(f"{arguments.file}: no YAML: {error}", file=sys.stderr)
        return 1
    problems = check(composition.data)
    for problem in problems:
        print(f"{arguments.file}:{composition.line(problem.path)}: {problem}")
    return 1 if problems else 0
