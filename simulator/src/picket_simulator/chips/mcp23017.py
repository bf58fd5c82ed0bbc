"""The MCP23017: sixteen pins in two ports, A and B (Microchip DS20001952).

    write   register value value ...     the pointer moves on after each value, see IOCON.SEQOP
    read    value value ...              from the pointer

    BANK=0  00 IODIRA   02 IPOLA   04 GPINTENA  06 DEFVALA  08 INTCONA  0A IOCON
            0C GPPUA    0E INTFA   10 INTCAPA   12 GPIOA    14 OLATA    odd: port B; 0B: IOCON again
    BANK=1  00 to 0A: the same of port A, 10 to 1A: of port B; 05 and 15: IOCON

    IOCON   7      6        5              4        3      2     1        0
            BANK   MIRROR   SEQOP (1=off)  DISSLW   HAEN   ODR   INTPOL   -

Interrupts are not modelled: INTF and INTCAP stay 0. The latch lives as long as this object, as a real one
outlives the host's processes.
"""

from collections import deque
from typing import NamedTuple

IODIR, IPOL, IOCON, GPPU, INTF, INTCAP, GPIO, OLAT = 0x00, 0x02, 0x0A, 0x0C, 0x0E, 0x10, 0x12, 0x14
NAMES = ("IODIR", "IPOL", "GPINTEN", "DEFVAL", "INTCON", "IOCON", "GPPU", "INTF", "INTCAP", "GPIO", "OLAT")
REGISTERS = tuple(name + port for name in NAMES for port in "AB")
BANK, SEQOP = 0x80, 0x20
READ_ONLY = (INTF, INTF + 1, INTCAP, INTCAP + 1)
HISTORY = 10_000


class Write(NamedTuple):
    """A register that got a value at `at` seconds; numbered as in BANK=0."""

    at: float
    register: int
    value: int


class Mcp23017:
    """An expander; pins are numbered as on the IO Pi: 1 to 8 are GPA0 to GPA7, 9 to 16 GPB0 to GPB7."""

    def __init__(self) -> None:
        """Power on: all pins inputs, all else 0."""
        self.registers = _power_on()
        self.external = [0x00, 0x00]  # what the world puts on each port's input pins
        self.history: deque[Write] = deque()
        self._before = _power_on()  # the registers as they were before the oldest write of the history
        self._pointer = 0

    def power_cycle(self, now: float) -> None:
        """Fall back to the values after power-on, as in a brown-out; what changes is part of the history."""
        self._pointer = 0
        for register, value in enumerate(_power_on()):
            if self.registers[register] != value:
                self._set(register, value, now)

    def write(self, data: bytes, now: float) -> None:
        """Set the pointer, then the registers from there."""
        if not data:
            return
        self._pointer = data[0]
        for value in data[1:]:
            self._write_register(value, now)
            self._move_on()

    def read(self, count: int, _now: float) -> bytes:
        """Read from the pointer on."""
        values = []
        for _ in range(count):
            values.append(self._read_register())
            self._move_on()
        return bytes(values)

    def general_call(self, _data: bytes, _now: float) -> bool:
        """Stay silent: the chip has no general call."""
        return False

    def port(self, port: int) -> int:
        """Return the levels of a port's pins, 0 for A and 1 for B."""
        inputs = self.registers[IODIR + port]
        # Nothing in this world pulls a pin down, so a pull-up wins wherever nothing drives the pin high.
        outside = self.external[port] | self.registers[GPPU + port]
        return (self.registers[OLAT + port] & ~inputs) | (outside & inputs)

    def level(self, pin: int) -> bool | None:
        """Return what the chip drives on a pin: high, low, or nothing (None: it is an input)."""
        return _level(self.registers, pin)

    def levels(self, pin: int) -> list[tuple[float, bool | None]]:
        """Rebuild from the history when the pin changed and to what, as `level` would have said it."""
        registers, changes = list(self._before), []
        for write in self.history:
            before = _level(registers, pin)
            registers[write.register] = write.value
            if _level(registers, pin) != before:
                changes.append((write.at, _level(registers, pin)))
        return changes

    def _register(self) -> int | None:
        """Number the register under the pointer as in BANK=0; None where there is none."""
        if self.registers[IOCON] & BANK:
            register = (self._pointer & 0x0F) * 2 + (self._pointer >> 4)
            valid = self._pointer <= 0x1A and self._pointer & 0x0F <= 0x0A
        else:
            register, valid = self._pointer, self._pointer < len(REGISTERS)
        return register if valid else None

    def _move_on(self) -> None:
        banked, single = self.registers[IOCON] & BANK, self.registers[IOCON] & SEQOP
        if single:
            self._pointer ^= 0 if banked else 1  # BANK=0: to and fro between the two ports of a register
        elif banked:
            self._pointer = {0x0A: 0x10, 0x1A: 0x00}.get(self._pointer, self._pointer + 1)
        else:
            self._pointer = (self._pointer + 1) % len(REGISTERS)

    def _read_register(self) -> int:
        register = self._register()
        if register is None:
            return 0
        if register & ~1 == GPIO:
            return self.port(register & 1) ^ self.registers[IPOL + (register & 1)]
        return self.registers[register]

    def _write_register(self, value: int, now: float) -> None:
        register = self._register()
        if register is None or register in READ_ONLY:
            return
        if register & ~1 == GPIO:
            register += OLAT - GPIO
        if register & ~1 == IOCON:
            self._set(IOCON, value & ~1, now)
            self._set(IOCON + 1, value & ~1, now)
        else:
            self._set(register, value, now)

    def _set(self, register: int, value: int, now: float) -> None:
        self.registers[register] = value
        self.history.append(Write(now, register, value))
        if len(self.history) > HISTORY:
            oldest = self.history.popleft()
            self._before[oldest.register] = oldest.value


def _power_on() -> list[int]:
    return [0xFF if register & ~1 == IODIR else 0x00 for register in range(len(REGISTERS))]


def _level(registers: list[int], pin: int) -> bool | None:
    port, bit = divmod(pin - 1, 8)
    if registers[IODIR + port] >> bit & 1:
        return None
    return bool(registers[OLAT + port] >> bit & 1)
