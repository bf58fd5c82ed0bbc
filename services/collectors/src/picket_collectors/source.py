"""What a source is to the frame: a module in `sources/` that has

    Config         a Section with its `kind` as the tag, `interval_seconds` among its fields
    KIND           what is measured, for the Reading: "air", "host"
    RANGES         every value it gives, by name with its unit, and the least and the most that is plausible
    open_source    (config, site) -> Source

The frame opens it and samples it, in a thread of its own, and closes and opens it anew, ever less often, when
either raises. So a source keeps no state about failures: it raises.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from picket.config import Config
from picket.errors import PicketError

Values = Mapping[str, float | None]


class SourceError(PicketError, OSError):
    """The sensor is there but does not do as its datasheet says: it is opened anew."""


class Stopped(BaseException):
    """The process is to end: no fault, and as with KeyboardInterrupt no driver's `except Exception` is to keep it."""


class Site(NamedTuple):
    """Where a source runs: its own name, the device's configuration, and its time.

    `pause(seconds)` sleeps and raises Stopped when the process is to end; `pause(0)` only looks. A source calls it
    at least every few seconds.
    """

    name: str
    config: Config
    clock: Callable[[], float]
    pause: Callable[[float], None]


class Source(Protocol):
    """Something open that is measured."""

    def sample(self) -> Values:
        """Measure once; an unknown value is None. May take its time; raises OSError when there is nothing to give."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what the health beat shows of it."""
        ...

    def close(self) -> None:
        """Leave the sensor at rest; never raises."""
        ...
