"""What a source's thread hands over to the loop."""

import traceback
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from picket_collectors.source import Part


class Measured(NamedTuple):
    """What came of a sample, the time (UTC) of it, and how long until the next."""

    time_ns: int
    parts: Sequence[Part]
    figures: Mapping[str, float]
    next_seconds: float


class Failed(NamedTuple):
    """Why there is no sample; a traceback only where the error is none that a sensor is known for."""

    text: str
    traceback: str
    next_seconds: float


Outcome = Measured | Failed


def reason(error: OSError) -> str:
    """Say what the system says, and of which file, without its number."""
    text = error.strerror or str(error)
    return f"{error.filename}: {text}" if error.filename else text


def failed(error: Exception, next_seconds: float) -> Failed:
    """Put an error that was just caught into words."""
    if isinstance(error, OSError):
        return Failed(reason(error), "", next_seconds)
    return Failed(f"{type(error).__name__}: {error}", traceback.format_exc(), next_seconds)
