"""Speak to one chip of an I2C bus, on which other processes speak to theirs."""

import errno
from typing import TYPE_CHECKING, Any

from picket_collectors.source import SourceError

if TYPE_CHECKING:
    from picket.i2c import Bus

NOBODY = (errno.EREMOTEIO, errno.ENXIO)  # what kernels make of a missing acknowledgement


class I2cDevice:
    """One address of a bus. A call is one transfer: nobody else's comes in between its parts, or is mixed up with it.

    Between two calls others have the bus. A chip minds only what is sent to its own address, and the configuration
    gives an address of a bus to one process, so it keeps its answer for the one that asked.
    """

    def __init__(self, bus: "Bus", address: int) -> None:
        """Take over the bus."""
        # Imported here: the configuration's check imports every source, and needs no bus.
        from smbus2 import i2c_msg

        self._bus = bus
        self._address = address
        self._message = i2c_msg

    def write(self, data: bytes) -> None:
        """Send bytes; raises SourceError when the chip does not acknowledge, OSError when the bus fails."""
        self._transfer(self._message.write(self._address, data))

    def read(self, count: int) -> bytes:
        """Return what the chip has to give; raises as `write` does."""
        return self._transfer(self._message.read(self._address, count))

    def registers(self, first: int, count: int) -> bytes:
        """Return registers from the `first` on; raises as `write` does."""
        pointer = self._message.write(self._address, [first])
        return self._transfer(pointer, self._message.read(self._address, count))

    def close(self) -> None:
        """Let go of the bus."""
        self._bus.close()

    def _transfer(self, *messages: Any) -> bytes:
        try:
            self._bus.i2c_rdwr(*messages)
        except OSError as error:
            if error.errno in NOBODY:
                raise SourceError(f"0x{self._address:02x} does not acknowledge ({error.strerror})") from error
            raise
        return bytes(messages[-1])


def open_i2c_device(bus: str, address: int) -> I2cDevice:
    """Open "/dev/i2c-1" or "sim://host:port" for a chip; raises OSError when there is no such bus."""
    from picket.i2c import BUS_APPEARS_SECONDS, open_bus

    return I2cDevice(open_bus(bus, BUS_APPEARS_SECONDS), address)
