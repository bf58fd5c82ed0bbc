"""Sample every configured channel of one I2C bus as fast as its chips convert.

All chips convert at once: each is started, read when it is due, asked again in small steps until it is ready, and
started on its next channel. A chip that does not answer, or is never ready, is left alone for a while and costs the
others nothing.
"""

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

EARLY = 0.98  # first look at this share of the typical conversion time
STEP = 0.04  # then again after this share
STUCK = 3.0  # given up at this multiple; the slowest good chip takes 1.36
RETRY_SECONDS = 0.5
LONGEST_NAP_SECONDS = 0.5


class Chip(Protocol):
    """What the sampler needs of an ADC."""

    address: int
    typical_seconds: float

    def start(self, channel: int) -> None: ...
    def read(self) -> float | None: ...


class Sample(NamedTuple):
    """Volts at the terminal of an input, and when the conversion was found ready."""

    name: str
    volts: float
    now: float


class Lost(NamedTuple):
    """A chip that gives no samples any more, and the inputs on it."""

    address: int
    names: tuple[str, ...]
    text: str


class Found(NamedTuple):
    """A chip that gives samples again."""

    address: int
    names: tuple[str, ...]


class Scan:
    """One chip's round over its channels: a small machine that is looked at when it is due."""

    def __init__(self, chip: Chip, channels: dict[int, str]) -> None:
        """Go round `channels` (number -> input name)."""
        self._chip = chip
        self._channels = list(channels.items())
        self._names = tuple(channels.values())
        self._index = 0
        self._started: float | None = None
        self._lost = False
        self.due = 0.0

    def look(self, clock: Callable[[], float]) -> Sample | Lost | Found | None:
        """Do what is due, and set when to look again."""
        now = clock()
        try:
            if self._started is None:
                self._start(clock)
                return None
            volts = self._chip.read()
        except OSError as error:
            return self._give_up(now, f"does not answer: {error.strerror or error}")
        typical = self._chip.typical_seconds
        if volts is None:
            if now - self._started > STUCK * typical:
                return self._give_up(now, "answers but is never ready")
            self.due = now + STEP * typical
            return None
        if self._lost:
            self._lost = False
            return Found(self._chip.address, self._names)
        name = self._channels[self._index][1]
        self._index = (self._index + 1) % len(self._channels)
        self._started = None
        self.due = now
        return Sample(name, volts, now)

    def _start(self, clock: Callable[[], float]) -> None:
        self._chip.start(self._channels[self._index][0])
        self._started = clock()
        self.due = self._started + EARLY * self._chip.typical_seconds

    def _give_up(self, now: float, text: str) -> Lost | None:
        self._started = None
        self.due = now + RETRY_SECONDS
        if self._lost:
            return None
        self._lost = True
        return Lost(self._chip.address, self._names, text)


class Sampler:
    """Looks at each chip's scan when it is due, and hands on what it finds."""

    def __init__(
        self,
        scans: list[Scan],
        deliver: Callable[[Sample | Lost | Found], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Deliver samples, losses and returns in the caller's thread of `run`."""
        self._scans = scans
        self._deliver = deliver
        self._clock = clock
        self._sleep = sleep
        self.running = True

    def run(self) -> None:
        """Sample until `running` is false."""
        while self.running:
            self.step()

    def step(self) -> None:
        """Sleep until the next scan is due, and look at it."""
        scan = min(self._scans, key=lambda s: s.due)
        wait = scan.due - self._clock()
        if wait > 0:
            self._sleep(min(wait, LONGEST_NAP_SECONDS))
            if wait > LONGEST_NAP_SECONDS:
                return
        found = scan.look(self._clock)
        if found is not None:
            self._deliver(found)
