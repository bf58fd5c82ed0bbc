"""`picket replay`: a stored trace through the filter of a configuration, with no hardware."""

import argparse
import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from picket.config import load
from picket.errors import PicketError
from picket_gpio_input.detector import Detector, Finding
from picket_gpio_input.episodes import Episodes

HELP = "run a stored trace (columns t_s, volts) through an input's filter and print its events"


class TraceError(PicketError, ValueError):
    """A trace has a row that is none."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("trace", help="a CSV file (.gz too) with columns t_s and volts; - is standard input")
    parser.add_argument("--config", type=Path, help="the configuration (default: the one of this folder)")
    parser.add_argument("--input", required=True, help="the input whose settings are used")
    parser.add_argument("--json", action="store_true", help="one JSON line an event: t_s, type, id, why, ...")
    parser.add_argument("--suppressed", action="store_true", help="what was suppressed, too")
    parser.add_argument(
        "--from-power-up", action="store_true", help="the trace begins at the sensor's power-up: warm it up first"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the events; raises PicketError for a bad configuration, input or row."""
    config = load(arguments.config)
    settings = config.inputs.get(arguments.input)
    if settings is None:
        raise PicketError(f"there is no input {arguments.input!r}; there are {', '.join(config.inputs) or 'none'}")
    detector = Detector(settings, warm=not arguments.from_power_up)
    episodes = Episodes(arguments.input, lambda t_s: int(t_s * 1e9))
    with open_trace(arguments.trace) as lines:
        for t_s, finding in replay(detector, read_trace(lines, arguments.trace)):
            event = episodes.event(finding)
            if event is None and not arguments.suppressed:
                continue
            row: dict[str, object] = {
                "t_s": round(t_s, 4),
                "type": finding.verdict.type,
                "id": event.id if event else None,
                "why": finding.verdict.why,
                "zone": finding.zone,
                "began_s": round(finding.verdict.began, 4),
                "pulses": finding.verdict.pulses,
                "peak_volts": round(finding.verdict.peak, 3),
            }
            print(json.dumps(row) if arguments.json else line(row))  # noqa: T201
    return 0


def line(row: dict[str, object]) -> str:
    """Return a row for people."""
    return f"{row['t_s']:10.3f} s  {row['type']:10} {row['id'] or '-'!s:16} {row['zone']:7} {row['why']}"


def replay(detector: Detector, samples: Iterable[tuple[float, float]]) -> Iterator[tuple[float, Finding]]:
    """Yield the findings of a trace, with their times; what still goes on ends with the trace."""
    t_s = 0.0
    for t_s, volts in samples:
        for finding in detector.update(volts, t_s):
            yield t_s, finding
    for finding in detector.close("the trace ended", t_s):
        yield t_s, finding


def open_trace(name: str) -> TextIO:
    """Open a trace as text; raises TraceError when it can't be."""
    try:
        if name == "-":
            return sys.stdin
        if name.endswith(".gz"):
            return io.TextIOWrapper(gzip.open(name), encoding="utf-8", newline="")
        return Path(name).open(encoding="utf-8", newline="")
    except OSError as error:
        raise TraceError(f"{name}: {error.strerror}") from error


def read_trace(lines: Iterable[str], name: str) -> Iterator[tuple[float, float]]:
    """Yield (t_s, volts); raises TraceError that names the line of a bad row."""
    rows = csv.DictReader(lines)
    missing = {"t_s", "volts"} - set(rows.fieldnames or ())
    if missing:
        raise TraceError(f"{name}:1: expected columns t_s and volts, {' and '.join(sorted(missing))} not there")
    for row in rows:
        try:
            yield float(row["t_s"]), float(row["volts"])
        except (TypeError, ValueError):
            raise TraceError(
                f"{name}:{rows.line_num}: expected two numbers, got t_s {row['t_s']!r} and volts {row['volts']!r}"
            ) from None
