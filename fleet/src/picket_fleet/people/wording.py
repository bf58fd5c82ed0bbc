"""Times, sizes and others' texts, in words."""

from datetime import UTC, datetime


def printable(text: str) -> str:
    """Return text without what could steer a terminal: it may come from a device."""
    return "".join(character if character.isprintable() else " " for character in text)


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
