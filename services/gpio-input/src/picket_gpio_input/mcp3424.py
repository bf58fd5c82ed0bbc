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
"""

from smbus2 import i2c_msg

from picket.i2c import Bus

REFERENCE_VOLTS = 2.048
# The ADC Pi's divider before each channel: 10 k over 6.8 k.
DIVIDER = (10_000 + 6_800) / 6_800
RATE_BITS = {12: 0b00, 14: 0b01, 16: 0b10, 18: 0b11}
TYPICAL_SECONDS = {12: 1 / 240, 14: 1 / 60, 16: 1 / 15, 18: 1 / 3.75}
NOT_READY = 0x80


class Mcp3424:
    """One chip; a failed transfer raises OSError."""

    def __init__(self, bus: Bus, address: int, bits: int) -> None:
        """Use the chip at `address` with a resolution of 12, 14, 16 or 18 bits."""
        self.address = address
        self.typical_seconds = TYPICAL_SECONDS[bits]
        self._bus = bus
        self._rate = RATE_BITS[bits] << 2
        self._length = 4 if bits == 18 else 3
        self._volts_per_code = 2 * REFERENCE_VOLTS / (1 << bits) * DIVIDER
        self._config = 0

    def start(self, channel: int) -> None:
        """Start one conversion of channel 1 to 4; one that is running is lost."""
        self._config = (channel - 1) << 5 | self._rate
        self._bus.write_byte(self.address, NOT_READY | self._config)

    def read(self) -> float | None:
        """Return the volts at the board's terminal, or None while the conversion runs.

        A chip that lost its configuration (a brown-out, a stranger on the bus) reads as not ready for ever.
        """
        message = i2c_msg.read(self.address, self._length)
        self._bus.i2c_rdwr(message)
        data = bytes(message)
        if data[-1] != self._config:
            return None
        return int.from_bytes(data[:-1], "big", signed=True) * self._volts_per_code
