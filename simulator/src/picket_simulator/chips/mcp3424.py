"""The MCP3424: four channels, one delta-sigma converter of 12 to 18 bits (Microchip DS22088, DS22003).

There is no register pointer. A write is one configuration byte, a read the last result and that byte:

    write   cfg                              further bytes are ignored
    read    D1 D0 cfg cfg ...                12, 14, 16 bits: two's complement, sign extended
            D2 D1 D0 cfg cfg ...             18 bits

    cfg     7     6 5       4           3 2                  1 0
            RDY   channel   1 = cont.   12, 14, 16, 18 bit   gain 1, 2, 4, 8

    RDY     read:   0 = a result that was not read before (continuous), or a finished one-shot
            write:  1 = start a conversion, in one-shot mode only
"""

from collections.abc import Callable

NOT_READY = 0x80
CONTINUOUS = 0x10
POWER_ON = 0x90
RESET, LATCH, CONVERT = 0x06, 0x04, 0x08  # the general call's commands
SAMPLES_PER_SECOND = {12: 240.0, 14: 60.0, 16: 15.0, 18: 3.75}
SLOWEST, FASTEST = 176 / 240, 328 / 240  # a chip's clock against the nominal one
REFERENCE_VOLTS = 2.048
SETTLING_SECONDS = 300e-6
STUCK_READING = bytes([0x00, 0x00, 0x00, 0x8C])


class Mcp3424:
    """A converter that measures `volts(channel, now)` at its own pins, channels 1 to 4."""

    def __init__(
        self, volts: Callable[[int, float], float] = lambda _channel, _now: 0.0, clock_factor: float = 1.0
    ) -> None:
        """Power on at 0 s; `clock_factor` is this chip's clock, SLOWEST to FASTEST (1.0 is nominal)."""
        if not SLOWEST <= clock_factor <= FASTEST:
            raise ValueError(f"clock_factor: expected {SLOWEST:.2f} to {FASTEST:.2f}, got {clock_factor}")
        self._volts = volts
        self._clock_factor = clock_factor
        self.stuck_until = float("-inf")
        self._ends = 0.0
        self.power_cycle(0.0)

    def power_cycle(self, now: float) -> None:
        """Forget everything and begin as after power-on: continuous, channel 1, 12 bit."""
        self._config = POWER_ON & ~NOT_READY
        self._code = 0
        self._fresh = False
        self.conversions: dict[int, float] = {}  # the last result of each channel, in volts at the pins
        self._start(now + SETTLING_SECONDS)

    @property
    def config(self) -> int:
        """The configuration byte as a read would show it."""
        return self._config | (0 if self._fresh else NOT_READY)

    def write(self, data: bytes, now: float) -> None:
        """Take a configuration byte; only a new setting, or a start in one-shot mode, begins a conversion."""
        if not data:
            return
        self.advance(now)
        settings, start = data[0] & ~NOT_READY, data[0] & NOT_READY
        # Continuous mode ignores RDY, so a driver may rewrite the same byte with every poll and get results.
        if settings != self._config or (start and not settings & CONTINUOUS):
            self._config = settings
            self._start(now)

    def read(self, count: int, now: float) -> bytes:
        """Give the last result, whatever channel it is of, then the configuration byte as often as asked."""
        if now < self.stuck_until:
            return _extend(STUCK_READING, count)
        self.advance(now)
        size = 3 if self._bits == 18 else 2
        result = (self._code & (256**size - 1)).to_bytes(size, "big")
        reading = _extend(result + bytes([self.config]), count)
        if self._config & CONTINUOUS:
            self._fresh = False
        return reading

    def general_call(self, data: bytes, now: float) -> bool:
        """Reset, or start one conversion, with all other chips; to latch the address pins changes nothing."""
        if data[:1] == bytes([RESET]):
            self.power_cycle(now)
        elif data[:1] == bytes([CONVERT]):
            self.advance(now)
            self._config &= ~CONTINUOUS
            self._start(now)
        return True

    def advance(self, now: float) -> None:
        """Finish the conversions that have ended by `now`."""
        if now < self._ends:
            return
        # Of the conversions since the last look only the newest left a trace in the output register.
        missed = int((now - self._ends) / self._period) if self._config & CONTINUOUS else 0
        ended = self._ends + missed * self._period
        channel = 1 + (self._config >> 5 & 0b11)
        gain = 1 << (self._config & 0b11)
        step = 2 * REFERENCE_VOLTS / (1 << self._bits) / gain
        full_scale = 1 << (self._bits - 1)
        # A delta-sigma converter integrates: its result stands for the middle of the conversion.
        code = round(self._volts(channel, ended - self._period / 2) / step)
        self._code = max(-full_scale, min(full_scale - 1, code))
        self.conversions[channel] = self._code * step
        self._fresh = True
        self._ends = ended + self._period if self._config & CONTINUOUS else float("inf")

    @property
    def _bits(self) -> int:
        return 12 + 2 * (self._config >> 2 & 0b11)

    @property
    def _period(self) -> float:
        return 1 / (SAMPLES_PER_SECOND[self._bits] * self._clock_factor)

    def _start(self, now: float) -> None:
        self._fresh = False
        self._ends = now + self._period


def _extend(reading: bytes, count: int) -> bytes:
    return (reading + reading[-1:] * count)[:count]
