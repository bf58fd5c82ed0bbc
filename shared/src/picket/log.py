"""Logging: the standard library's, to stdout, one line an event."""

import logging
import sys


def set_up(level: str) -> None:
    """Log to stdout from `level` up."""
    logging.basicConfig(
        stream=sys.stdout,
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
