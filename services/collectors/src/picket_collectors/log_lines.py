"""What a node wants in the log: one line a message, printable, of bounded length, and no more than one log can bear.

    payload   {"level": "warning", "text": "the fan is stuck"}    or plain text, which is of level info

A flood is thinned to a line a second; what was dropped is said once, when it is over. Time is an argument.
"""

import json
import logging
from typing import NamedTuple

LONGEST = 500
LONGEST_JSON_BYTES = 8192
BURST = 20
LINES_PER_SECOND = 1.0
OVER_SECONDS = 10.0  # a flood is over when nothing had to be dropped for so long
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class Line(NamedTuple):
    """A line for the log; `level` is one of logging's."""

    level: int
    text: str


class LogLines:
    """The lines of one node."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._allowance = float(BURST)
        self._at: float | None = None
        self._dropped = 0
        self._dropped_at = 0.0
        self.dropped = 0

    def take(self, line: Line, now: float) -> list[Line]:
        """Return the lines to log now that there is one more, none where there have been too many."""
        since = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._allowance = min(BURST, self._allowance + since * LINES_PER_SECOND)
        lines = self.due(now)
        if self._allowance < 1:
            self._dropped += 1
            self.dropped += 1
            self._dropped_at = now
            return lines
        self._allowance -= 1
        return [*lines, line]

    def due(self, now: float) -> list[Line]:
        """Return the line that says how many were dropped, once that is over."""
        if not self._dropped or now - self._dropped_at < OVER_SECONDS:
            return []
        dropped, self._dropped = self._dropped, 0
        return [Line(logging.WARNING, f"dropped {dropped} {'line' if dropped == 1 else 'lines'}")]


def parse(payload: bytes) -> Line:
    """Read a message of any kind."""
    level, text = _level_and_text(payload)
    return Line(level, one_line(text, LONGEST))


def one_line(text: str, longest: int) -> str:
    """Write what is not printable (what ends lines, colours them, turns them round) as Python does; mark a cut."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: longest + 1])
    return shown if len(shown) <= longest else shown[: longest - 3] + "..."


def _level_and_text(payload: bytes) -> tuple[int, str]:
    text = payload[:LONGEST_JSON_BYTES].decode(errors="backslashreplace")
    if len(payload) <= LONGEST_JSON_BYTES and text.lstrip().startswith("{"):
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return logging.INFO, text
        if isinstance(said, dict) and isinstance(said.get("text"), str):
            return LEVELS.get(str(said.get("level")).lower(), logging.INFO), said["text"]
    return logging.INFO, text
