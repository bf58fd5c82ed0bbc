"""AB Electronics' own ADCPi class on Picket's bus: `driver: abelectronics`.

It reads one channel after another and waits within each read, so its samples come at half the rate of the direct
driver on one board, and at a quarter on two. Negative volts read as 0. Resolution and gain are the object's, not the
channel's, so inputs that differ on one chip cost two more writes a sample.
"""

from collections.abc import Sequence
from errno import EINVAL, ENOPKG
from importlib import import_module
from itertools import cycle
from typing import Any, NamedTuple

from picket.i2c import Bus
from picket_gpio_input.sampling.mcp3424 import NOT_READY
from picket_gpio_input.sampling.sampler import Clock, Deliver, Presence, Sample


class NeverReadyError(OSError):
    """The chip answers, but its conversion does not end."""


class Channel(NamedTuple):
    """An input on a chip's channel 1 to 4."""

    name: str
    number: int
    bits: int
    gain: int


class AdcPi:
    """One of a board's two chips; a failed transfer raises OSError, and so does a package that is missing."""

    def __init__(self, bus: Bus, address: int) -> None:
        """Use the chip at `address`; nothing is imported or written before the first read."""
        self.address = address
        self._bus = bus
        self._adc: Any = None
        self._settings: tuple[int, int] | None = None

    def read(self, channel: Channel) -> float:
        """Return the volts at the board's terminal; blocks until the chip has converted.

        A chip that is never ready raises NeverReadyError after the library's own timeout of a hundred conversions:
        0.42 s at 12 bits, 27 s at 18.
        """
        if self._adc is None:
            self._adc = adc_pi(self._bus, self.address, channel.bits)
            self._settings = (channel.bits, 1)
        try:
            if self._settings != (channel.bits, channel.gain):
                self._settings = None  # a write that fails half-way leaves nothing known
                self._adc.set_bit_rate(channel.bits)
                self._adc.set_pga(channel.gain)
                self._settings = (channel.bits, channel.gain)
            return float(self._adc.read_voltage(channel.number))
        except timeout_errors() as error:
            raise NeverReadyError("answers but is never ready") from error


class CheckedBus:
    """The two methods of a bus that ADCPi uses, with an answer that is not of the configuration sent as not ready.

    The class looks at one bit only of what comes back, and takes a chip that ignores its configuration for 0 V.
    """

    def __init__(self, bus: Bus) -> None:
        """Use `bus`."""
        self._bus = bus

    def write_byte(self, address: int, value: int) -> None:
        """Write a configuration."""
        self._bus.write_byte(address, value)

    def read_i2c_block_data(self, address: int, config: int, length: int) -> list[int]:
        """Write a configuration and read; the last byte of four is the chip's own."""
        data = self._bus.read_i2c_block_data(address, config, length)
        if (data[-1] ^ config) & ~NOT_READY:
            return [*data[:2], *(byte | NOT_READY for byte in data[2:])]
        return data


def adc_pi(bus: Bus, address: int, bits: int) -> Any:
    """Return an ADCPi for one chip on our bus; raises OSError.

    The class opens a bus by number in a private method of its own, `__get_smbus`. A subclass answers in its place: no
    global is patched, no device is opened, and `sim://` works. Both of the object's addresses are the one chip's: its
    constructor writes to both, and with a board's two chips in one object each would be lost with the other.
    """
    library = installed()
    if not hasattr(library.ADCPi, "_ADCPi__get_smbus"):
        raise OSError(ENOPKG, "this version of AB Electronics' ADCPi opens its bus in another way")

    class OnOurBus(library.ADCPi):  # type: ignore[misc,name-defined]
        _ADCPi__get_smbus = staticmethod(lambda _number: CheckedBus(bus))

    try:
        return OnOurBus(address, address, bits)
    except ValueError as error:  # an address that no MCP3424 has
        raise OSError(EINVAL, str(error)) from error


def installed() -> Any:
    """Return AB Electronics' package; raises OSError where there is none."""
    try:
        return import_module("ADCPi")
    except ImportError as error:
        raise OSError(ENOPKG, "AB Electronics' ADCPi is not installed (the README says how)") from error


def timeout_errors() -> type[Exception]:
    """Return what the package raises when a chip is never ready: renamed in 2.5.3."""
    library = installed()
    error: type[Exception] = getattr(library, "ADCTimeoutError", None) or library.TimeoutError
    return error


class SequentialScan:
    """One chip's round over its channels: each look reads the next of them, and takes as long as it takes."""

    def __init__(self, chip: AdcPi, channels: Sequence[Channel]) -> None:
        """Go round the channels."""
        self._chip = chip
        self._channels = cycle(channels)
        self._presence = Presence(chip.address, (channel.name for channel in channels))
        self.due = 0.0
        self.behind = 0.0

    def look(self, clock: Clock, deliver: Deliver, _on_time: bool) -> None:
        """Read one channel, and be due again at once, behind all others that are."""
        began = clock()
        channel = next(self._channels)
        try:
            volts = self._chip.read(channel)
        except OSError as error:
            text = str(error) if isinstance(error, NeverReadyError) else f"does not answer: {error.strerror or error}"
            self.due = self._presence.failed(text, began, clock(), deliver)
            return
        self.due = clock()
        self._presence.worked(deliver)
        deliver(Sample(channel.name, volts, began))
