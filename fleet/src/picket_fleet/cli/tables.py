"""Text for a terminal: aligned tables that a narrow one takes too, and JSON."""

import json
import shutil
from collections.abc import Sequence
from typing import Any

from picket_fleet.people.wording import printable

GAP = "  "
ENDLESS = 1_000_000
LEAST = 12  # characters of a last column that is cut


def width() -> int:
    """Return the columns that there are: the terminal's (or $COLUMNS), without end for a pipe or a file."""
    return shutil.get_terminal_size((ENDLESS, 24)).columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> str:
    """Align rows under a header; where they don't fit into `columns`, cut the last one, or write a block a row."""
    clean = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, cells)) for cells in zip(header, *clean, strict=True)]
    last = columns - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    if clean and last < min(widths[-1], LEAST):
        return "\n\n".join(block(list(zip(header, row, strict=True))) for row in clean)
    clean = [[*row[:-1], row[-1] if len(row[-1]) <= last else f"{row[-1][: last - 1]}…"] for row in clean]
    lines = [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (header, *clean)]
    return "\n".join(line.rstrip() for line in lines)


def block(pairs: Sequence[tuple[str, str]]) -> str:
    """Write names and values below each other; what is empty is left out."""
    longest = max((len(name) for name, _ in pairs), default=0)
    return "\n".join(f"{name.ljust(longest)}{GAP}{printable(value)}" for name, value in pairs if value)


def as_json(value: Any) -> str:
    """Return JSON, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_json_line(value: Any) -> str:
    """Return JSON in one line."""
    return json.dumps(value, ensure_ascii=False)
