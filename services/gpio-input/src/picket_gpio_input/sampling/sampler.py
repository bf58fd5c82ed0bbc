"""Sample every configured channel of one I2C bus as fast as its chips convert.

All chips convert at once. Each is looked at when its conversion is very probably done (see period.py), asked again in
small steps while it is not, and started on its next channel before the sample is told: it converts while the sample is
judged. A chip that does not answer, or is never ready, is tried again at once, then told as lost and left alone for a
while: it costs the others nothing.

What is due first is looked at first, but with what it was held up lately counted in. By the due times alone a chip
that is a little faster than another ends up done while the bus is busy with that other one, time and again: the two
fall into step, and all chips of a busy bus run at the pace of the slowest. To let the one that was held up go first
costs its neighbour one delay, and the faster one is ahead from then on until it has lapped the other.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import NamedTuple, Protocol

from picket_gpio_input.sampling.mcp3424 import Conversion
from picket_gpio_input.sampling.period import Period

STUCK = 1.6  # given up at this multiple of the typical time; the slowest good chip takes 1.36
GLITCH_SECONDS = 0.005  # a single transfer that fails is no loss
RETRY_SECONDS = 0.5
RETRY_SHARE = 5  # an attempt that takes long (a bus that times out) is made so much more rarely
LONGEST_NAP_SECONDS = 0.5
RECENT = 1 / 16  # the weight of the newest in what is averaged


class Chip(Protocol):
    """What a scan needs of an ADC."""

    address: int

    def start(self, conversion: Conversion) -> None: ...
    def read(self, conversion: Conversion) -> float | None: ...


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


Clock = Callable[[], float]
Deliver = Callable[[Sample | Lost | Found], None]


class Presence:
    """Whether a chip gives samples: a loss is told once, and so is its end."""

    def __init__(self, address: int, names: Iterable[str]) -> None:
        """Begin present."""
        self._address = address
        self._names = tuple(names)
        self._failures = 0
        self.lost = False

    def worked(self, deliver: Deliver) -> None:
        """Take in that a sample came."""
        self._failures = 0
        if self.lost:
            self.lost = False
            deliver(Found(self._address, self._names))

    def failed(self, text: str, began: float, now: float, deliver: Deliver) -> float:
        """Take in that an attempt failed; return when to make the next. The second in a row is a loss."""
        self._failures += 1
        if self._failures == 1:
            return now + GLITCH_SECONDS
        if not self.lost:
            self.lost = True
            deliver(Lost(self._address, self._names, text))
        return now + max(RETRY_SECONDS, RETRY_SHARE * (now - began))


class Turn(NamedTuple):
    """A channel in a scan's round."""

    name: str
    conversion: Conversion
    period: Period


class Scan:
    """One chip's round over its channels: a small machine that is looked at when it is due."""

    def __init__(self, chip: Chip, channels: Sequence[tuple[str, Conversion]]) -> None:
        """Go round the channels (input name, conversion); those of one resolution share what is learned."""
        self._chip = chip
        periods = {c.typical_seconds: Period(c.typical_seconds) for _, c in channels}
        self._turns = cycle([Turn(name, c, periods[c.typical_seconds]) for name, c in channels])
        self._turn = next(self._turns)
        self._presence = Presence(chip.address, (name for name, _ in channels))
        self._started: float | None = None
        self._looks = 0  # in vain, at the conversion that goes on
        self._unready = 0.0  # its age at the latest of them
        self.due = 0.0
        self.behind = 0.0

    def look(self, clock: Clock, deliver: Deliver, on_time: bool) -> None:
        """Do what is due, deliver what it finds, and set when to look again; `on_time` if nothing else held it up."""
        now = clock()
        try:
            if self._started is None:
                self._start(clock)
                return
            volts = self._chip.read(self._turn.conversion)
        except OSError as error:
            self._fail(f"does not answer: {error.strerror or error}", now, clock, deliver)
            return
        age = now - self._started
        if volts is None:
            self._go_on(age, now, clock, deliver)
            return
        name, _, period = self._turn
        if self._looks == 0:
            self.behind += max(0.0, age - period.wait) - self.behind * RECENT
        period.learn(age, self._unready, self._looks, on_time)
        self._turn = next(self._turns)
        self._started = None
        try:
            self._start(clock)
        except OSError:
            self.due = now  # looked at once more, and judged there
        self._presence.worked(deliver)
        deliver(Sample(name, volts, now))

    def _start(self, clock: Clock) -> None:
        self._chip.start(self._turn.conversion)
        self._started = clock()
        self._looks = 0
        period = self._turn.period
        # One that is lost is looked at once only, when it must be done: its transfers are the others' time.
        wait = STUCK * period.typical_seconds if self._presence.lost else period.wait
        self.due = self._started + wait

    def _go_on(self, age: float, now: float, clock: Clock, deliver: Deliver) -> None:
        period = self._turn.period
        if age >= STUCK * period.typical_seconds:
            self._fail("answers but is never ready", now, clock, deliver)
            return
        self._unready = age
        self._looks += 1
        self.due = now + period.step(self._looks)

    def _fail(self, text: str, began: float, clock: Clock, deliver: Deliver) -> None:
        self._started = None
        self.due = self._presence.failed(text, began, clock(), deliver)


class Due(Protocol):
    """What a sampler looks at: when, and how many seconds it was held up lately."""

    due: float
    behind: float

    def look(self, clock: Clock, deliver: Deliver, on_time: bool, /) -> None: ...


class Sampler:
    """Looks at each scan when it is due; what it finds is delivered in the caller's thread."""

    def __init__(
        self,
        scans: Sequence[Due],
        deliver: Deliver,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Look at `scans`, one at least."""
        self._scans = scans
        self._deliver = deliver
        self._clock = clock
        self._sleep = sleep
        self._look_seconds = 0.0

    def step(self) -> None:
        """Sleep until the next scan is due (or for half a second), and look at it."""
        now = self._clock()
        scan = self._next(now)
        wait = scan.due - now
        if wait > 0:
            self._sleep(min(wait, LONGEST_NAP_SECONDS))
            if wait > LONGEST_NAP_SECONDS:
                return
            now = self._clock()
        scan.look(self._clock, self._deliver, wait > 0)
        self._look_seconds += (self._clock() - now - self._look_seconds) * RECENT

    def _next(self, now: float) -> Due:
        """Choose among those that are due; one that is due within half a look is worth to wait for."""
        first = min(self._scans, key=_due)
        until = max(now, first.due) + self._look_seconds / 2
        chosen, highest = first, first.behind - first.due
        for scan in self._scans:
            if scan.due < until and scan.behind - scan.due > highest:
                chosen, highest = scan, scan.behind - scan.due
        return chosen


def _due(scan: Due) -> float:
    return scan.due
