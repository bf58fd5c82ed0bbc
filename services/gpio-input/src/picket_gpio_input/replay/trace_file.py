"""Read traces: CSV with the columns t_s and volts (or volts_5v), plain or gzipped, single files or folders of them.

A file may hold several recordings, told apart by a column `recording` or `segment`, and labels: `human` is 1 while a
person is in view; `present` is 0 where nobody is, and 1 where somebody is about at times that nobody noted.
"""

import csv
import gzip
import math
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from picket.errors import PicketError

Labels = Literal["human", "present"]

BACKWARDS_SECONDS = 1.0  # a step back in time by more is another recording's beginning, or damage


class TraceError(PicketError, ValueError):
    """A file is no trace: it says which, on which line, and why."""


class Sample(NamedTuple):
    """A row; volts are NaN where the row has none, the label is None in a file without labels."""

    t_s: float
    volts: float
    label: bool | None = None


class Trace(NamedTuple):
    """A recording; its samples can be read once, and before the next trace is asked for."""

    file: str
    recording: str | None
    labels: Labels | None
    samples: Iterator[Sample]


def read_traces(names: Iterable[str], recording: str | None = None) -> Iterator[Trace]:
    """Yield the recordings of files and folders, or only the one that is named; "-" is standard input.

    A folder is searched to its depths; what has no columns of a trace there is passed over. Raises TraceError.
    """
    found = False
    for name in names:
        for file in _files(name):
            with closing(_lines(file)) as lines:
                for trace in _recordings(file, _Table(file, lines), required=file == name):
                    if recording is None or trace.recording == recording:
                        found = True
                        yield trace
    if not found:
        wanted = f"recording {recording!r}" if recording is not None else "trace"
        raise TraceError(f"{', '.join(names)}: no {wanted} there")


def _files(name: str) -> list[str]:
    if not Path(name).is_dir():
        return [name]
    return sorted(str(file) for file in Path(name).rglob("*") if file.name.endswith((".csv", ".csv.gz")))


def _lines(name: str) -> Generator[str, None, None]:
    try:
        if name == "-":
            yield from sys.stdin
        elif name.endswith(".gz"):
            with gzip.open(name, "rt", encoding="utf-8", newline="") as file:
                yield from file
        else:
            with Path(name).open(encoding="utf-8", newline="") as file:
                yield from file
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise TraceError(f"{name}: {getattr(error, 'strerror', None) or error}") from error


class _Table:
    """The rows of a CSV file, with the line of each."""

    def __init__(self, name: str, lines: Iterable[str]) -> None:
        self._name = name
        self._reader = csv.DictReader(lines)

    @property
    def columns(self) -> Sequence[str]:
        try:
            return self._reader.fieldnames or ()
        except csv.Error as error:
            raise TraceError(f"{self._name}:1: {error}") from error

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        try:
            for row in self._reader:
                yield self._reader.line_num, row
        except csv.Error as error:
            raise TraceError(f"{self._name}:{self._reader.line_num + 1}: {error}") from error


def _recordings(name: str, table: _Table, *, required: bool) -> Iterator[Trace]:
    columns = table.columns
    volts = "volts_5v" if "volts" not in columns and "volts_5v" in columns else "volts"
    missing = {"t_s", volts} - set(columns)
    if missing and required:
        raise TraceError(f"{name}:1: expected columns t_s and volts, {' and '.join(sorted(missing))} not there")
    if missing:
        return
    labels: Labels | None = "human" if "human" in columns else "present" if "present" in columns else None
    by = next((column for column in ("recording", "segment") if column in columns), None)
    if by is None:
        yield Trace(name, None, labels, _samples(name, table, volts, labels))
        return
    for recording, rows in groupby(table, key=lambda numbered: numbered[1][by]):
        yield Trace(name, recording, labels, _samples(name, rows, volts, labels))


def _samples(name: str, rows: Iterable[tuple[int, dict[str, str]]], volts: str, label: str | None) -> Iterator[Sample]:
    before = -math.inf
    for line, row in rows:
        try:
            sample = Sample(float(row["t_s"]), float(row[volts].strip() or "nan"))
            if not math.isfinite(sample.t_s):
                raise ValueError
        except (TypeError, ValueError, AttributeError):
            text = f"expected two numbers, got t_s {row['t_s']!r} and {volts} {row[volts]!r}"
            raise TraceError(f"{name}:{line}: {text}") from None
        if sample.t_s < before - BACKWARDS_SECONDS:
            text = f"time goes back from {before:g} to {sample.t_s:g} s; a column `recording` tells recordings apart"
            raise TraceError(f"{name}:{line}: {text}")
        before = max(before, sample.t_s)
        if label is None:
            yield sample
        elif row[label] in ("0", "1"):
            yield sample._replace(label=row[label] == "1")
        else:
            raise TraceError(f"{name}:{line}: expected {label} 0 or 1, got {row[label]!r}")
