"""Run one collector: `python -m picket_collectors NAME`."""

import argparse
from functools import partial

from picket.service import run
from picket_collectors.collector import collect

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="picket_collectors", description="Run one collector of the configuration.")
    parser.add_argument("name", help="its name in `collectors`")
    name = parser.parse_args().name
    run(f"collectors.{name}", partial(collect, name), collectors=name)
