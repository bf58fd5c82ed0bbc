"""The Nova SDS011 dust sensor, on a serial port at 9600 8N1.

    report    AA C0  pm2.5:u16le  pm10:u16le  id id  ck AB        in 0.1 ug/m3; the answer to a query
    reply     AA C5  command write value 0    id id  ck AB        the answer to every other command
    command   AA B4  command write value 0*10 FF FF  ck AB        FF FF: whichever sensor hears it

    ck        sum of all bytes between the head's two and itself, modulo 256
    command   02 mode (0 active, 1 by query)   04 query   06 work (0 sleep, 1 wake)   08 period (0 continuous)

Theory of operation. Its laser lives 8000 hours, so it sleeps between samples (duty_cycle.py); asleep it hears nothing
but wake. The first bytes after a long sleep may be garbage, so wake is sent twice. Mode and period
outlive a loss of power and may be anybody's, so both are set when the port is opened; they are written to its flash,
so not at every wake. An active sensor reports between a command and its reply, so a reply is told by command, write
and value. It does not obey every command at once, so each is verified and repeated.
"""

from typing import NamedTuple

from picket_collectors.dialogue import Dialogue
from picket_collectors.dust_sensor import DustSensor
from picket_collectors.duty_cycle import Dust, Quantities
from picket_collectors.frames import Frames
from picket_collectors.serial_port import SerialPort, open_serial_port
from picket_collectors.source import Site

KIND = "air"
RANGES = {"pm2_5_ug_m3": (0, 999.9), "pm10_ug_m3": (0, 1999.9)}

BAUD = 9600
FRAME_BYTES = 10
HEAD, COMMAND, REPORT, REPLY, TAIL = 0xAA, 0xB4, 0xC0, 0xC5, 0xAB


class Config(Dust, frozen=True, kw_only=True, tag="sds011", tag_field="kind"):
    """A Nova SDS011; it sleeps between samples where the interval exceeds the warm-up by more than 30 s."""


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


def frames() -> Frames[Report | Command]:
    """Find this sensor's frames."""
    return Frames(HEAD, lambda _: FRAME_BYTES, parse)


def parse(frame: bytes) -> Report | Command | None:
    """Read ten bytes that begin with AA: a report, or the command that a reply repeats; None when they are neither."""
    if frame[-1] != TAIL or frame[-2] != sum(frame[2:-2]) & 0xFF:
        return None
    if frame[1] == REPORT:
        return Report(int.from_bytes(frame[2:4], "little") / 10, int.from_bytes(frame[4:6], "little") / 10)
    return Command(*frame[2:5]) if frame[1] == REPLY else None


class Sds011:
    """Speaks to one sensor over its port."""

    def __init__(self, port: SerialPort, site: Site) -> None:
        """Take over the port; the sensor is set up when it is first woken."""
        self._dialogue = Dialogue(port, frames(), site)
        self._set_up = False

    @property
    def discarded(self) -> int:
        """Count the bytes that were of no frame."""
        return self._dialogue.discarded

    def wake(self) -> None:
        """Switch laser and fan on; the first time, let it measure by query and without pauses of its own."""
        self._dialogue.say(WAKE.frame())
        self._order("wake", WAKE)
        if not self._set_up:
            self._order("query mode", BY_QUERY)
            self._order("continuous work", CONTINUOUS)
            self._set_up = True

    def query(self) -> Quantities:
        """Return what it measures now; zeros while it warms up."""
        answers = self._dialogue.answers("query", QUERY.frame())
        return next(frame for frame in answers if isinstance(frame, Report))._asdict()

    def sleep(self) -> None:
        """Switch laser and fan off."""
        self._order("sleep", SLEEP)

    def close(self) -> None:
        """Put it to sleep, if it listens, and hang up."""
        self._dialogue.close(2 * SLEEP.frame())

    def _order(self, what: str, command: Command) -> None:
        next(frame for frame in self._dialogue.answers(what, command.frame()) if frame == command)


def recognises(port: SerialPort, site: Site) -> bool:
    """Tell whether a sensor of this kind is there."""
    return Dialogue(port, frames(), site).is_heard(WAKE.frame() + QUERY.frame())


def open_source(config: Config, site: Site) -> DustSensor:
    """Open the sensor's port."""
    return DustSensor(config, site, Sds011(open_serial_port(config.port, BAUD, site, recognises), site))
