"""What a benchmark yields: figures, one JSON line each."""

import statistics
import sys
from collections.abc import Sequence

import msgspec
from msgspec import Struct

SIGNIFICANT_DIGITS = 4


class Figure(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One measured value; `ratio` is value over that of `against`, a peer or a limit in the same run."""

    case: str
    metric: str
    value: float
    unit: str
    against: str | None = None
    ratio: float | None = None


def line(bench: str, figure: Figure) -> str:
    """Return a figure as a line of JSON, rounded to what a measurement is worth."""
    fields = msgspec.to_builtins(figure)
    rounded = {key: _rounded(field) if isinstance(field, float) else field for key, field in fields.items()}
    return msgspec.json.encode({"bench": bench, **rounded}).decode()


def p50(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    """Return the value that one in a hundred exceeds; of fewer than a hundred values, the greatest."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * 0.99))]


def progress(text: str) -> None:
    """Say on stderr what goes on."""
    print(text, file=sys.stderr, flush=True)


def _rounded(value: float) -> float:
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
