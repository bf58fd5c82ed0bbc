"""The Winsen MH-Z19B CO2 sensor, on a serial port at 9600 8N1.

    command   FF 01  command  0 0 0 0 0            ck     86 read   9B which range   7D whether ABC
              FF 01  79  A0|00  0 0 0 0            ck     ABC on or off
              FF 01  99  0 0 0  range:u16be        ck     2000, 5000 or 10000 ppm (not where a datasheet says)
    answer    FF 86  ppm:u16be  t status  0 0      ck     t: degrees Celsius + 40, of its own inside
              FF 9B  0 0  range:u16be  0 0         ck     undocumented, as is the next: old firmware is silent
              FF 7D  0 0 0 0 0  on                 ck

    ck        what makes the sum of bytes 1 to 8 a multiple of 256

Theory of operation. For three minutes from power-up it says 400, 410, 500 or whatever, so what it says is gated by time
and not by value; a process that is started anew waits no second time (power_up.py). Range and ABC outlive a loss of
power and may be anybody's, so both are set when the port is opened, and asked for where the firmware answers. Neither
has an answer that can be relied on, though some firmware gives one: so answers are told by their command, and old bytes
thrown away before each question. ABC takes the least of 24 hours for 400 ppm. Air beyond the range reads as the range.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.dialogue import ATTEMPTS, Dialogue
from picket_collectors.frames import Frames
from picket_collectors.power_up import PowerUp, plug
from picket_collectors.serial_port import SerialPort, open_serial_port
from picket_collectors.source import Site, SourceError, Values
from picket_collectors.store import Store

KIND = "air"
RANGES = {"co2_ppm": (300, 9999)}

BAUD = 9600
HEAD, SENSOR = 0xFF, 0x01
FRAME_BYTES = 9
TEMPERATURE_OFFSET = 40
READ, GET_RANGE, SET_RANGE, GET_ABC, SET_ABC = 0x86, 0x9B, 0x99, 0x7D, 0x79
ABC_ON = 0xA0


class Config(Section, frozen=True, kw_only=True, tag="mhz19b", tag_field="kind"):
    """A Winsen MH-Z19B; `abc` (automatic baseline correction) only where the room is aired once a day."""

    port: str  # a path, or auto
    interval_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 60
    warm_up_seconds: Annotated[float, Meta(ge=0, le=3600)] = 180
    range_ppm: Literal[2000, 5000, 10_000] = 5000
    abc: bool = True


class Answer(NamedTuple):
    """What the sensor answers to a command: six bytes."""

    command: int
    values: bytes

    @property
    def co2_ppm(self) -> int:
        """Carbon dioxide, of the answer to a read."""
        return int.from_bytes(self.values[:2], "big")

    @property
    def inside_c(self) -> int:
        """The sensor's own temperature, of the answer to a read."""
        return self.values[2] - TEMPERATURE_OFFSET

    @property
    def range_ppm(self) -> int:
        """The range, of the answer to that question."""
        return int.from_bytes(self.values[2:4], "big")

    @property
    def abc(self) -> bool:
        """Whether the baseline is corrected, of the answer to that question."""
        return bool(self.values[5])


def command(number: int, values: bytes = b"") -> bytes:
    """Return the bytes to send."""
    body = bytes([SENSOR, number]) + values.ljust(5, b"\0")
    return bytes([HEAD]) + body + bytes([-sum(body) & 0xFF])


def set_range(ppm: int) -> bytes:
    """Return the command that sets the range."""
    return command(SET_RANGE, ppm.to_bytes(5, "big"))


def set_abc(on: bool) -> bytes:
    """Return the command that switches ABC."""
    return command(SET_ABC, bytes([ABC_ON if on else 0]))


def frames() -> Frames[Answer]:
    """Find this sensor's frames."""
    return Frames(HEAD, lambda _: FRAME_BYTES, parse)


def parse(frame: bytes) -> Answer | None:
    """Read nine bytes that begin with FF; None for a wrong sum, and for an answer to nothing that is asked here."""
    known = frame[1] in (READ, GET_RANGE, SET_RANGE, GET_ABC, SET_ABC)
    return Answer(frame[1], frame[2:8]) if known and sum(frame[1:]) & 0xFF == 0 else None


class Mhz19b:
    """Speaks to one sensor over its port."""

    def __init__(self, config: Config, site: Site, port: SerialPort, plug: str) -> None:
        """Take over the port; the sensor is set up by the first sample."""
        self._config = config
        self._site = site
        self._dialogue = Dialogue(port, frames(), site)
        self._power = PowerUp(Store(site), plug)
        self._set_up = False
        self._confirmed = 0
        self._inside_c = 0

    def sample(self) -> Values:
        """Measure once; unknown while it warms up. Raises SourceError when it does not answer, or not obey."""
        try:
            if not self._set_up:
                self._settle()
            answer = self._ask("read", READ)
        except OSError:
            self._power.silent()
            raise
        self._inside_c = answer.inside_c
        warm = self._power.heard(self._site.clock()) >= self._config.warm_up_seconds
        return {"co2_ppm": answer.co2_ppm if warm else None}

    def figures(self) -> Mapping[str, float]:
        """Show how warm it is inside, and how many of its two settings it confirms."""
        return {
            "inside_c": self._inside_c,
            "settings_confirmed": self._confirmed,
            "discarded_bytes": self._dialogue.discarded,
        }

    def close(self) -> None:
        """Hang up; it measures on."""
        self._dialogue.close()

    def _settle(self) -> None:
        """Set range and ABC, and have them confirmed where the firmware does that."""
        ppm, abc = self._config.range_ppm, self._config.abc
        self._ask("read", READ)  # silence is no old firmware then
        self._set(f"range {ppm} ppm", set_range(ppm), GET_RANGE, lambda told: told.range_ppm == ppm)
        self._set(f"ABC {'on' if abc else 'off'}", set_abc(abc), GET_ABC, lambda told: told.abc == abc)
        self._set_up = True

    def _set(self, what: str, order: bytes, question: int, holds: Callable[[Answer], bool]) -> None:
        for _ in range(ATTEMPTS):
            self._dialogue.say(order)
            try:
                told = self._ask(what, question, attempts=1)
            except SourceError:
                return  # a firmware that does not say
            if holds(told):
                self._confirmed += 1
                return
        raise SourceError(f"does not take the setting {what}")

    def _ask(self, what: str, number: int, attempts: int = ATTEMPTS) -> Answer:
        answers = self._dialogue.answers(what, command(number), attempts)
        return next(answer for answer in answers if answer.command == number)


def recognises(port: SerialPort, site: Site) -> bool:
    """Tell whether a sensor of this kind is there."""
    return Dialogue(port, frames(), site).is_heard(command(READ))


def ranges(config: Config) -> Mapping[str, tuple[float, float]]:
    """Take the end of the range for no measurement: what is beyond it reads so too."""
    low, _ = RANGES["co2_ppm"]
    return {"co2_ppm": (low, config.range_ppm - 1)}


def open_source(config: Config, site: Site) -> Mhz19b:
    """Open the sensor's port."""
    port = open_serial_port(config.port, BAUD, site, recognises)
    return Mhz19b(config, site, port, plug(port))
