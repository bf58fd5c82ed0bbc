"""The Plantower PMS5003 dust sensor, on a serial port at 9600 8N1; all numbers are big-endian.

    data      42 4D 00 1C  factory:3*u16  air:3*u16  counts:6*u16  version error  ck     answers a read; or by itself
    ack       42 4D 00 04  command value  ck                                             answers passive, active, sleep
    command   42 4D  command 00 value  ck

    air       PM1, PM2.5, PM10 in ug/m3 under atmospheric conditions; `factory` is for the maker's own dust, at CF=1
    counts    particles above 0.3, 0.5, 1, 2.5, 5, 10 um in a decilitre
    ck        u16, the sum of all bytes before it
    command   E1 mode (0 passive, 1 active)   E2 read, in passive mode   E4 work (0 sleep, 1 wake)

Theory of operation. Its laser and fan wear out, so it sleeps between samples (duty_cycle.py); asleep it hears nothing
but wake, which it does not acknowledge. It wakes in active mode, with data of its own accord, so it is made passive
after each wake, and that answer tells that it is awake. Copies of the datasheet have wrong sums for sleep and wake,
which the sensor ignores without a word. An ack may come late, before the data: a frame counts by its length. Data with
dust in it but no particle above 0.3 um is inconsistent, and of a sensor that just woke.
"""

import struct
from typing import NamedTuple

from picket_collectors.dialogue import Dialogue
from picket_collectors.dust_sensor import DustSensor
from picket_collectors.duty_cycle import Dust, Quantities
from picket_collectors.frames import Frames
from picket_collectors.serial_port import SerialPort, open_serial_port
from picket_collectors.source import Site

KIND = "air"
# Rated to 500 ug/m3 and some more; smoke reads thousands.
RANGES = {f"pm{size}_ug_m3": (0, 5000) for size in ("1", "2_5", "10")} | {
    f"particles_{size}_um_per_dl": (0, 65_535) for size in ("0_3", "0_5", "1", "2_5", "5", "10")
}

BAUD = 9600
HEAD = 0x42
HEADER_BYTES = 4
DATA, ACK = b"\x42\x4d\x00\x1c", b"\x42\x4d\x00\x04"
SIZES = {DATA: 32, ACK: 8}


class Config(Dust, frozen=True, kw_only=True, tag="pms5003", tag_field="kind"):
    """A Plantower PMS5003; it sleeps between samples where the interval exceeds the warm-up by more than 30 s."""


class Data(NamedTuple):
    """What the sensor measured."""

    pm1_ug_m3: int
    pm2_5_ug_m3: int
    pm10_ug_m3: int
    particles_0_3_um_per_dl: int
    particles_0_5_um_per_dl: int
    particles_1_um_per_dl: int
    particles_2_5_um_per_dl: int
    particles_5_um_per_dl: int
    particles_10_um_per_dl: int

    @property
    def is_consistent(self) -> bool:
        """Tell whether there are particles, which there are in any room."""
        return self.particles_0_3_um_per_dl > 0


class Command(NamedTuple):
    """What the sensor is told; its ack repeats it."""

    number: int
    value: int

    def frame(self) -> bytes:
        """Return the bytes to send."""
        body = bytes([*DATA[:2], self.number, 0, self.value])
        return body + struct.pack(">H", sum(body))


PASSIVE = Command(0xE1, 0)
READ = Command(0xE2, 0)
SLEEP = Command(0xE4, 0)
WAKE = Command(0xE4, 1)


def frames() -> Frames[Data | Command]:
    """Find this sensor's frames."""
    return Frames(HEAD, size, parse)


def size(received: bytes) -> int:
    """Return how many bytes the frame has that begins here; 0 for none."""
    return SIZES.get(received[:HEADER_BYTES], 0) if len(received) >= HEADER_BYTES else HEADER_BYTES


def parse(frame: bytes) -> Data | Command | None:
    """Read data, or the command that an ack repeats; None for a wrong sum."""
    if struct.unpack(">H", frame[-2:]) != (sum(frame[:-2]),):
        return None
    if frame.startswith(DATA):
        return Data(*struct.unpack(">9H", frame[10:28]))
    return Command(frame[4], frame[5])


class Pms5003:
    """Speaks to one sensor over its port."""

    def __init__(self, port: SerialPort, site: Site) -> None:
        """Take over the port."""
        self._dialogue = Dialogue(port, frames(), site)

    @property
    def discarded(self) -> int:
        """Count the bytes that were of no frame."""
        return self._dialogue.discarded

    def wake(self) -> None:
        """Switch laser and fan on, and let it measure by query."""
        self._dialogue.say(WAKE.frame())
        self._order("passive mode", PASSIVE)

    def query(self) -> Quantities:
        """Return what it measures now; nothing of what is inconsistent."""
        answers = self._dialogue.answers("read", READ.frame())
        data = next(frame for frame in answers if isinstance(frame, Data))
        return data._asdict() if data.is_consistent else {}

    def sleep(self) -> None:
        """Switch laser and fan off."""
        self._order("sleep", SLEEP)

    def close(self) -> None:
        """Put it to sleep, if it listens, and hang up."""
        self._dialogue.close(SLEEP.frame())

    def _order(self, what: str, command: Command) -> None:
        next(frame for frame in self._dialogue.answers(what, command.frame()) if frame == command)


def recognises(port: SerialPort, site: Site) -> bool:
    """Tell whether a sensor of this kind is there."""
    return Dialogue(port, frames(), site).is_heard(WAKE.frame() + READ.frame())


def open_source(config: Config, site: Site) -> DustSensor:
    """Open the sensor's port."""
    return DustSensor(config, site, Pms5003(open_serial_port(config.port, BAUD, site, recognises), site))
