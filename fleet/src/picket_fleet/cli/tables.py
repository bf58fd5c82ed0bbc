"""Text for people: aligned tables that a narrow terminal takes too, times and sizes in words."""

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

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


def printable(text: str) -> str:
    """Return text without what could steer a terminal: it may come from a device."""
    return "".join(character if character.isprintable() else " " for character in text)


def as_json(value: Any) -> str:
    """Return JSON, indented."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_json_line(value: Any) -> str:
    """Return JSON in one line."""
    return json.dumps(value, ensure_ascii=False)


def ago(then: float | None, now: float) -> str:
    """Say how long ago a time was: "5 min ago"."""
    return "never" if then is None else f"{span(max(0.0, now - then))} ago"


def span(seconds: float) -> str:
    """Say how long a time is, in its largest unit: "5 min"."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length * (2 if unit == "days" else 1):
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def size(count: float) -> str:
    """Say how many bytes: "9.3 kB"."""
    for unit, length in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= length:
            return f"{count / length:.1f} {unit}"
    return f"{count:.0f} B"


def moment(time: float) -> str:
    """Write a time as the clock here shows it."""
    return datetime.fromtimestamp(time, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def timestamp(time: float | None) -> str | None:
    """Write a time for programs: ISO 8601, UTC."""
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
