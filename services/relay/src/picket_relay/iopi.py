"""AB Electronics' own IOPi class on Picket's bus: `driver: abelectronics`.

Of its methods only those that write a whole chip are used. `write_pin` reads the pins' levels, changes one and writes
all: a loaded pin or an input would get into the latch, and of two writers one would undo the other. Its constructor
makes all pins inputs but leaves the latch, so that directions set before the latch would drive what a crashed host
left: here it initialises nothing, and the latch is written first.
"""

from errno import EINVAL, ENOPKG
from importlib import import_module
from typing import Any

from picket.i2c import Bus
from picket_relay.mcp23017 import IOCON, IOCON_IN_BANK_1, IOCON_VALUE, IODIR, OLAT, Registers


class IoPi:
    """One chip, with the methods of `Mcp23017`; a failed transfer raises OSError, and so does a missing package."""

    def __init__(self, bus: Bus, address: int, outputs: int) -> None:
        """Drive the pins of the mask `outputs` (bit 0 is GPA0); all others stay inputs. Nothing is written yet."""
        self.address = address
        self._bus = bus
        self._directions = ~outputs & 0xFFFF
        self._io: Any = None

    def registers(self) -> Registers:
        """Read the chip, past the class: it has no method that reads the latch, and its `read_bus` reads the pins."""
        return Registers(
            self._bus.read_word_data(self.address, IODIR),
            self._bus.read_word_data(self.address, OLAT),
            self._bus.read_byte_data(self.address, IOCON),
        )

    def set_up(self, word: int) -> Registers:
        """Make the pins outputs that drive `word`, without a moment of anything else; return what was there before."""
        before = self.registers()
        # The constructor writes IOCON to 0A, which is a latch when a stranger left the chip in BANK 1.
        self._bus.write_byte_data(self.address, IOCON_IN_BANK_1, 0x00)
        self._io = io_pi(self._bus, self.address)
        self._io.invert_bus(0)
        self._io.set_bus_pullups(0)
        self.drive(word)
        self._io.set_bus_direction(self._directions)
        if not self.holds(word):
            raise OSError(f"MCP23017 0x{self.address:02x} does not hold what was written: {self.registers()}")
        return before

    def drive(self, word: int) -> None:
        """Write both ports in one transfer; a write of GPIO is one of the latch."""
        self._io.write_bus(word)

    def holds(self, word: int) -> bool:
        """Read back whether the chip is still set up and drives `word`."""
        return self.registers() == Registers(self._directions, word, IOCON_VALUE)


def io_pi(bus: Bus, address: int) -> Any:
    """Return an IOPi that initialises nothing, on our bus; raises OSError.

    The class opens a bus by number in a private method of its own, `__get_smbus`. A subclass answers in its place: no
    global is patched, no device is opened, and `sim://` works.
    """
    try:
        library: Any = import_module("IOPi")
    except ImportError as error:
        raise OSError(ENOPKG, "AB Electronics' IOPi is not installed (the README says how)") from error
    if not hasattr(library.IOPi, "_IOPi__get_smbus"):
        raise OSError(ENOPKG, "this version of AB Electronics' IOPi opens its bus in another way")

    class OnOurBus(library.IOPi):  # type: ignore[misc]
        _IOPi__get_smbus = staticmethod(lambda _number: bus)

    try:
        return OnOurBus(address, initialise=False)
    except ValueError as error:  # an address that no MCP23017 has
        raise OSError(EINVAL, str(error)) from error
