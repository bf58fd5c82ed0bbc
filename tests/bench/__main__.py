"""Run the benchmarks: `python -m tests.bench [NAME]` from the root of the repository."""

import importlib
import sys

from tests.bench.figures import line, progress

NAMES = (
    "sampling",
    "filter",
    "latency",
    "outputs",
    "journal",
    "collectors",
    "memory",
    "start",
    "release",
    "deltas",
    "fleet",
)

if __name__ == "__main__":
    chosen = sys.argv[1:] or NAMES
    for name in chosen:
        if name not in NAMES:
            progress(f"bench: expected one of {', '.join(NAMES)}, got {name}")
            sys.exit(2)
    for name in chosen:
        progress(f"{name} ...")
        for figure in importlib.import_module(f"tests.bench.{name}").run():
            print(line(name, figure), flush=True)
