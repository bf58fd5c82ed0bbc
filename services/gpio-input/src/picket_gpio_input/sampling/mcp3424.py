"""The MCP3424: a delta-sigma ADC with four channels (datasheet DS22088C, sections 5.1 to 5.3).

There is no register pointer: a write is the configuration byte, a read is the result and then the same byte.

    bit   7        6 5        4              3 2             1 0
          RDY      channel    1 continuous   00 12 bit       00 gain 1
                   00 = 1     0 one-shot     01 14 bit       01 2
                                             10 16 bit       10 4
                                             11 18 bit       11 8
    written  RDY 1 in one-shot mode starts a conversion
    read     RDY 0: the result is of the conversion that was started; 1: not yet, the result is an old channel's

    12, 14, 16 bit:  high byte, low byte, configuration        two's complement, sign extended
    18 bit:          3 bytes, configuration

A conversion takes its typical time divided by the chip's own clock: 176 to 328 where 240 a second are typical. A read
and the next start can't share a transfer: a Raspberry Pi's controller takes one read at most, and only as the last.
"""

from typing import NamedTuple

from smbus2 import i2c_msg

from picket.i2c import Bus

REFERENCE_VOLTS = 2.048
# The ADC Pi's divider before each channel: 10 k over 6.8 k.
DIVIDER = (10_000 + 6_800) / 6_800
RATE_BITS = {12: 0b00, 14: 0b01, 16: 0b10, 18: 0b11}
GAIN_BITS = {1: 0b00, 2: 0b01, 4: 0b10, 8: 0b11}
TYPICAL_SECONDS = {12: 1 / 240, 14: 1 / 60, 16: 1 / 15, 18: 1 / 3.75}
FASTEST, SLOWEST = 240 / 328, 240 / 176  # of the typical time
NOT_READY = 0x80


class Conversion(NamedTuple):
    """A channel at a resolution and a gain; its messages are made once, and sent hundreds of times a second."""

    config: int
    start: i2c_msg
    result: i2c_msg
    volts_per_code: float
    typical_seconds: float


class Mcp3424:
    """One chip; a failed transfer raises OSError."""

    def __init__(self, bus: Bus, address: int) -> None:
        """Use the chip at `address`."""
        self.address = address
        self._bus = bus

    def conversion(self, channel: int, bits: int, gain: int) -> Conversion:
        """Prepare conversions of channel 1 to 4 with 12, 14, 16 or 18 bits and a gain of 1, 2, 4 or 8."""
        config = (channel - 1) << 5 | RATE_BITS[bits] << 2 | GAIN_BITS[gain]
        return Conversion(
            config,
            i2c_msg.write(self.address, [NOT_READY | config]),
            i2c_msg.read(self.address, 4 if bits == 18 else 3),
            2 * REFERENCE_VOLTS / (1 << bits) / gain * DIVIDER,
            TYPICAL_SECONDS[bits],
        )

    def start(self, conversion: Conversion) -> None:
        """Start one; one that is running is lost."""
        self._bus.i2c_rdwr(conversion.start)

    def read(self, conversion: Conversion) -> float | None:
        """Return the volts at the board's terminal, or None while the conversion runs.

        A chip that lost its configuration (a brown-out, a stranger on the bus) reads as not ready for ever.
        """
        self._bus.i2c_rdwr(conversion.result)
        data = bytes(conversion.result)
        if data[-1] != conversion.config:
            return None
        return int.from_bytes(data[:-1], "big", signed=True) * conversion.volts_per_code
