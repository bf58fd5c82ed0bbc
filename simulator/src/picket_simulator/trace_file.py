"""Read traces: CSV with the columns t_s and volts, plain, gzipped, or from stdin.

A file of recordings may call the volts `volts_5v`, and hold several in rows told apart by `recording`.
"""

import csv
import gzip
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from picket.errors import PicketError
from picket_simulator.synthesise import Trace


class TraceError(PicketError, ValueError):
    """A file is no trace: it says which, where and why."""


def read(name: str, recording: str | None) -> Trace:
    """Return the samples of a file, or of one recording of it; "-" is stdin. Raises TraceError."""
    try:
        with _open(name) as lines:
            trace = list(_samples(name, lines, recording))
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{name}: {error}") from error
    if not trace:
        raise TraceError(f"{name}: no samples" + (f" of recording {recording}" if recording else ""))
    return trace


@contextmanager
def _open(name: str) -> Iterator[Iterable[str]]:
    if name == "-":
        yield sys.stdin
    elif name.endswith(".gz"):
        with gzip.open(name, "rt", encoding="utf-8", newline="") as file:
            yield file
    else:
        with Path(name).open(encoding="utf-8", newline="") as file:
            yield file


def _samples(name: str, lines: Iterable[str], recording: str | None) -> Iterator[tuple[float, float]]:
    rows = csv.DictReader(lines)
    columns = rows.fieldnames or []
    volts = next((column for column in ("volts", "volts_5v") if column in columns), None)
    if "t_s" not in columns or not volts:
        raise TraceError(f"{name}:1: expected columns t_s and volts, got {','.join(columns) or 'nothing'}")
    if recording and "recording" not in columns:
        raise TraceError(f"{name}:1: has no column recording")
    before = float("-inf")
    for row in rows:
        if recording and row["recording"] != recording:
            continue
        try:
            sample = float(row["t_s"]), float(row[volts])
            if not math.isfinite(sum(sample)):
                raise ValueError
        except (TypeError, ValueError):
            raise TraceError(f"{name}:{rows.line_num}: expected two numbers, got {row['t_s']},{row[volts]}") from None
        if sample[0] <= before:
            raise TraceError(f"{name}:{rows.line_num}: expected a time after {before} s, got {sample[0]} s")
        before = sample[0]
        yield sample
