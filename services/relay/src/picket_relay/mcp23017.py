"""The MCP23017: sixteen pins in two ports (datasheet DS20001952C, section 3.5).

    register   A    B     in BANK 0, after a reset              word here: port A low byte, port B high byte
    IODIR      00   01    1 = input; FF after a reset
    IPOL       02   03    1 = reads inverted
    IOCON      0A   0B    one register, twice; 0x02 = INTPOL    BANK (bit 7) moves every address
    GPPU       0C   0D    1 = pull-up
    OLAT       14   15    what the outputs drive; survives the host, not the chip's power

Only whole ports are written, from what is meant to be driven: a read-modify-write of GPIO would take loaded pins for
the latch. The latch is written before the direction, so that a stale one never drives a relay.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

IODIR, IPOL, IOCON, GPPU, OLAT = 0x00, 0x02, 0x0A, 0x0C, 0x14
IOCON_IN_BANK_1 = 0x05  # in BANK 0 this is GPINTENB, where a zero does no harm
IOCON_VALUE = 0x02


class RegisterBus(Protocol):
    """What the driver needs of a bus: the watcher has one of its own, without smbus2."""

    def read_byte_data(self, i2c_addr: int, register: int, /) -> int: ...
    def write_byte_data(self, i2c_addr: int, register: int, value: int, /) -> None: ...
    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]: ...
    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None: ...


class Registers(NamedTuple):
    """What a chip holds of what the guard cares for."""

    directions: int
    latch: int
    iocon: int


class Mcp23017:
    """One chip; a failed transfer raises OSError."""

    def __init__(self, bus: RegisterBus, address: int, outputs: int) -> None:
        """Drive the pins of the mask `outputs` (bit 0 is GPA0); all others stay inputs."""
        self.address = address
        self._bus = bus
        self._directions = ~outputs & 0xFFFF

    def registers(self) -> Registers:
        """Read the chip."""
        return Registers(self._read_word(IODIR), self._read_word(OLAT), self._bus.read_byte_data(self.address, IOCON))

    def set_up(self, word: int) -> Registers:
        """Make the pins outputs that drive `word`, without a moment of anything else; return what was there before."""
        before = self.registers()
        self._bus.write_byte_data(self.address, IOCON_IN_BANK_1, 0x00)
        self._bus.write_byte_data(self.address, IOCON, IOCON_VALUE)
        self._write_word(IPOL, 0)
        self._write_word(GPPU, 0)
        self.drive(word)
        self._write_word(IODIR, self._directions)
        if not self.holds(word):
            raise OSError(f"MCP23017 0x{self.address:02x} does not hold what was written: {self.registers()}")
        return before

    def drive(self, word: int) -> None:
        """Write both ports' latches in one transfer."""
        self._write_word(OLAT, word)

    def holds(self, word: int) -> bool:
        """Read back whether the chip is still set up and drives `word`."""
        return self.registers() == Registers(self._directions, word, IOCON_VALUE)

    def _read_word(self, register: int) -> int:
        low, high = self._bus.read_i2c_block_data(self.address, register, 2)
        return low | high << 8

    def _write_word(self, register: int, word: int) -> None:
        self._bus.write_i2c_block_data(self.address, register, [word & 0xFF, word >> 8])
