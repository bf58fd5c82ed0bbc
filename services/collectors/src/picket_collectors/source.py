"""What a source is to the frame: a module in `sources/` that has

    Config         a Section with its `kind` as the tag, `interval_seconds` among its fields
    KIND           what is measured, for the Reading: "air", "host"
    RANGES         the values it gives, by name with its unit, and the least and the most that is plausible
    open_source    (config, site) -> Source, which is sampled every interval; or
    open_stream    (config, site) -> Stream, which speaks by itself; a part of it is published once an interval
    neighbours     (config) -> the names of the sources that it wants to ask its site for; may be absent
    ranges         (config) -> RANGES, where they hang on the configuration; may be absent

The frame opens it and samples it, in a thread of its own, and closes and opens it anew, ever less often, when
either raises. So a source keeps no state about failures: it raises. One that measures several things (plugs, nodes,
the devices of a bridge) gives Parts, and says what ails one of them in its Part.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from picket.config import Config
from picket.errors import PicketError

Values = Mapping[str, float | None]


class SourceError(PicketError, OSError):
    """The sensor is there but does not do as its datasheet says: it is opened anew."""


class AskedToWaitError(SourceError):
    """The other side does not answer now, and says when it will: it is asked again then."""

    def __init__(self, text: str, retry_seconds: float) -> None:
        """Say why, and how long to wait."""
        super().__init__(text)
        self.retry_seconds = retry_seconds


class Stopped(BaseException):
    """The process is to end: no fault, and as with KeyboardInterrupt no driver's `except Exception` is to keep it."""


class Part(NamedTuple):
    """What one of a source's several things gave: a Reading of `reading.<source>_<name>`, or why there is none.

    `name` is lower case with underscores; "" is the source itself. One without values says only that nothing ails it,
    or nothing more: its fault ends. A fault beside values leaves these to count. `switches` names the values that are
    on (1) or off (0): of a stream, a change of one is published at once. `time_ns` (UTC) is when it was measured,
    where the part itself knows; 0 is now.
    """

    name: str
    kind: str
    values: Values = MappingProxyType({})
    fault: str = ""
    switches: frozenset[str] = frozenset()
    time_ns: int = 0


def _nobody(_source: str, _quantity: str, _max_age_seconds: float) -> float | None:
    return None


class Site(NamedTuple):
    """Where a source runs: its own name, the device's configuration, its time, and what other sources measure.

    `pause(seconds)` sleeps and raises Stopped when the process is to end; `pause(0)` only looks. A source calls it
    at least every few seconds. `neighbour(source, quantity, max_age_seconds)` is None where that is not known.
    `devices` is where adapters that are plugged in show.
    """

    name: str
    config: Config
    clock: Callable[[], float]
    pause: Callable[[float], None]
    neighbour: Callable[[str, str, float], float | None] = _nobody
    devices: Path = Path("/dev")


class Source(Protocol):
    """Something open that is measured."""

    def sample(self) -> Values | Sequence[Part]:
        """Measure once; an unknown value is None. May take its time; raises OSError when there is nothing to give."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what the health beat shows of it."""
        ...

    def close(self) -> None:
        """Leave the sensor at rest; never raises."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A source that says itself how often it is to be sampled."""

    def interval_seconds(self) -> float:
        """Return how long after this sample the next is due; asked after each."""
        ...


class Stream(Protocol):
    """Something open that speaks by itself."""

    def receive(self) -> Sequence[Part]:
        """Return what came, after a second at most though it be nothing; raises OSError when nothing more can come."""
        ...

    def figures(self) -> Mapping[str, float]:
        """Return what the health beat shows of it."""
        ...

    def close(self) -> None:
        """Leave the sensor at rest; never raises."""
        ...
