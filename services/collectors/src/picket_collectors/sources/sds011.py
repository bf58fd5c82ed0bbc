"""The Nova SDS011 dust sensor, on a serial port at 9600 8N1.

    report    AA C0  pm2.5:u16le  pm10:u16le  id id  ck AB        in 0.1 ug/m3; the answer to a query
    reply     AA C5  command write value 0    id id  ck AB        the answer to every other command
    command   AA B4  command write value 0*10 FF FF  ck AB        FF FF: whichever sensor hears it

    ck        sum of all bytes between the head's two and itself, modulo 256
    command   02 mode (0 active, 1 by query)   04 query   06 work (0 sleep, 1 wake)   08 period (0 continuous)

Theory of operation. Its laser lives 8000 hours, so between samples it sleeps where the interval is worth it; asleep
it hears nothing but wake. The first bytes after a long sleep may be garbage, so wake is sent twice. Mode and period
outlive a loss of power and may be anybody's, so both are set when the port is opened; they are written to its flash,
so not at every wake. An active sensor reports between a command and its reply, so a reply is told by command, write
and value. It does not obey every command at once, so each is verified and repeated.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.lifetime import Lifetime
from picket_collectors.serial_port import SerialPort, open_serial_port
from picket_collectors.source import Site, SourceError, Values
from picket_collectors.store import Store

KIND = "air"
RANGES = {"pm2_5_ug_m3": (0, 999.9), "pm10_ug_m3": (0, 1999.9)}

BAUD = 9600
READ_SECONDS = 0.5
ANSWER_SECONDS = 2.0
ATTEMPTS = 3
READINGS = 5
READING_SECONDS = 1.0  # it measures once a second
WORTH_SLEEPING_SECONDS = 30.0
MAX_ZEROS = 30

FRAME_BYTES = 10
HEAD, COMMAND, REPORT, REPLY, TAIL = 0xAA, 0xB4, 0xC0, 0xC5, 0xAB


class Config(Section, frozen=True, kw_only=True, tag="sds011", tag_field="kind"):
    """A Nova SDS011; it sleeps between samples where the interval exceeds the warm-up by more than 30 s."""

    port: str
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 600
    warm_up_seconds: Annotated[float, Meta(ge=0, le=120)] = 30


class Report(NamedTuple):
    """What the sensor measured."""

    pm2_5_ug_m3: float
    pm10_ug_m3: float


class Command(NamedTuple):
    """What the sensor is told; its reply repeats it."""

    number: int
    write: int
    value: int

    def frame(self) -> bytes:
        """Return the bytes to send."""
        body = bytes([*self, *[0] * 10, 0xFF, 0xFF])
        return bytes([HEAD, COMMAND, *body, sum(body) & 0xFF, TAIL])


QUERY = Command(0x04, 0, 0)
WAKE = Command(0x06, 1, 1)
SLEEP = Command(0x06, 1, 0)
BY_QUERY = Command(0x02, 1, 1)
CONTINUOUS = Command(0x08, 1, 0)


class Frames:
    """Finds the frames in what a serial port gives, in whatever pieces it comes."""

    def __init__(self) -> None:
        """Begin with nothing received."""
        self._received = b""
        self.discarded = 0

    def feed(self, data: bytes) -> list[Report | Command]:
        """Return the frames that `data` completes; bytes that are of none are counted as discarded."""
        self._received += data
        frames: list[Report | Command] = []
        while (start := self._received.find(HEAD)) >= 0:
            self._discard(start)
            if len(self._received) < FRAME_BYTES:
                return frames
            frame = parse(self._received[:FRAME_BYTES])
            if frame is None:
                self._discard(1)  # this AA began none; the next may
            else:
                frames.append(frame)
                self._received = self._received[FRAME_BYTES:]
        self._discard(len(self._received))
        return frames

    def _discard(self, count: int) -> None:
        self.discarded += count
        self._received = self._received[count:]


def parse(frame: bytes) -> Report | Command | None:
    """Read ten bytes that begin with AA: a report, or the command that a reply repeats; None when they are neither."""
    if frame[-1] != TAIL or frame[-2] != sum(frame[2:-2]) & 0xFF:
        return None
    if frame[1] == REPORT:
        return Report(int.from_bytes(frame[2:4], "little") / 10, int.from_bytes(frame[4:6], "little") / 10)
    return Command(*frame[2:5]) if frame[1] == REPLY else None


class Step(NamedTuple):
    """What is to be done next; `seconds` is how long to wait."""

    do: Literal["wake", "wait", "query", "sleep", "done"]
    seconds: float = 0.0


class DutyCycle:
    """Decides what a sample takes: wake, warm up, some readings, sleep. Time is an argument."""

    def __init__(self, config: Config) -> None:
        """Begin with a sensor that may be asleep."""
        self._warm_up_seconds = config.warm_up_seconds
        self._sleeps = config.interval_seconds > config.warm_up_seconds + WORTH_SLEEPING_SECONDS
        self._awake = False
        self._query_at = 0.0
        self._zeros = 0
        self._reports: list[Report] = []

    def next(self, now: float) -> Step:
        """Say what is to be done; it is taken as done, and who can't do it begins with a new cycle."""
        if len(self._reports) == READINGS:
            if self._sleeps and self._awake:
                self._awake = False
                return Step("sleep")
            return Step("done")
        if not self._awake:
            self._awake = True
            self._query_at = now + self._warm_up_seconds
            return Step("wake")
        if now < self._query_at:
            return Step("wait", self._query_at - now)
        self._query_at = now + READING_SECONDS
        return Step("query")

    def heard(self, report: Report) -> None:
        """Note a reading. 0/0 means that it is warming up still; raises SourceError where that never ends."""
        if any(report):
            self._zeros = 0
            self._reports.append(report)
            return
        self._zeros += 1
        if self._zeros >= MAX_ZEROS:
            raise SourceError(f"measures 0/0, {self._zeros} times in a row: it does not come out of its warm-up")

    def result(self) -> Report:
        """Return the mean without the least and the greatest, and begin the next sample."""
        reports, self._reports = self._reports, []
        return Report(*(round(sum(sorted(column)[1:-1]) / (READINGS - 2), 2) for column in zip(*reports, strict=True)))


class Sds011:
    """Speaks to one sensor over its port."""

    def __init__(self, config: Config, site: Site, port: SerialPort) -> None:
        """Take over the port; the sensor is set up by the first sample."""
        self._site = site
        self._port = port
        self._frames = Frames()
        self._cycle = DutyCycle(config)
        self._laser = Lifetime("laser", Store(site))
        self._set_up = False
        self._sleeps_refused = 0

    def sample(self) -> Values:
        """Measure once, with all that the duty cycle asks for; raises SourceError when the sensor does not answer."""
        while (step := self._cycle.next(self._site.clock())).do != "done":
            match step.do:
                case "wake":
                    self._wake()
                case "wait":
                    self._site.pause(step.seconds)
                case "query":
                    self._cycle.heard(self._query())
                case "sleep":
                    self._sleep()
        self._laser.count(self._site.clock())
        return self._cycle.result()._asdict()

    def figures(self) -> Mapping[str, float]:
        """Show the laser's age, and what the sensor does not do as it should."""
        return {
            "laser_hours": round(self._laser.seconds / 3600, 2),
            "discarded_bytes": self._frames.discarded,
            "sleeps_refused": self._sleeps_refused,
        }

    def close(self) -> None:
        """Put the sensor to sleep, if it listens, and hang up."""
        self._laser.off(self._site.clock())
        with suppress(OSError):
            self._port.write(2 * SLEEP.frame())
        with suppress(OSError):
            self._port.close()

    def _wake(self) -> None:
        self._port.write(WAKE.frame())
        self._order("wake", WAKE)
        self._laser.on(self._site.clock())
        if not self._set_up:
            self._order("query mode", BY_QUERY)
            self._order("continuous work", CONTINUOUS)
            self._set_up = True

    def _sleep(self) -> None:
        try:
            self._order("sleep", SLEEP)
            self._laser.off(self._site.clock())
        except SourceError:
            self._sleeps_refused += 1  # what was measured is good all the same

    def _query(self) -> Report:
        return next(frame for frame in self._answers("query", QUERY) if isinstance(frame, Report))

    def _order(self, what: str, command: Command) -> None:
        next(frame for frame in self._answers(what, command) if frame == command)

    def _answers(self, what: str, command: Command) -> Iterator[Report | Command]:
        """Send a command, again and again, and yield what comes; raises SourceError if that is not the answer."""
        discarded = self._frames.discarded
        for _ in range(ATTEMPTS):
            self._port.write(command.frame())
            until = self._site.clock() + ANSWER_SECONDS
            while self._site.clock() < until:
                self._site.pause(0)
                yield from self._frames.feed(self._port.read(FRAME_BYTES))
        garbage = self._frames.discarded - discarded
        raise SourceError(f"no answer to '{what}'" + (f", but {garbage} bytes of something else" if garbage else ""))


def open_source(config: Config, site: Site) -> Sds011:
    """Open the sensor's port."""
    return Sds011(config, site, open_serial_port(config.port, BAUD, READ_SECONDS))
