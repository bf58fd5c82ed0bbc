"""The chips behind the outputs: drive what is meant, read it back, repair what was lost, and say so."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from picket.config import Config
from picket.config.schema import IoBoard, Output
from picket.health import HealthBeat
from picket.i2c import BUS_APPEARS_SECONDS, Bus, open_bus
from picket.messages import OnOff
from picket_relay.iopi import IoPi
from picket_relay.mcp23017 import Mcp23017

log = logging.getLogger("expander")


class Expander:
    """One chip and the outputs on it; a chip that does not answer is not `known`, and set up anew."""

    def __init__(
        self,
        board: IoBoard,
        address: int,
        pins: Mapping[str, tuple[int, Output]],
        health: HealthBeat,
        open_bus: Callable[[str, float], Bus] = open_bus,
    ) -> None:
        """Stand for the chip of a board at `address`; `pins` gives each output's bit. Nothing is written yet."""
        self._open_bus = open_bus
        self._bus_address = board.bus
        self._driver = IoPi if board.driver == "abelectronics" else Mcp23017
        self._address = address
        self._pins = pins
        self._health = health
        self._bus: Bus | None = None
        self._patience_seconds = BUS_APPEARS_SECONDS  # at the start alone: later it would keep other outputs waiting
        self._chip: Mcp23017 | IoPi | None = None
        self._driven: int | None = None  # what the chip was last told; None when that is not known

    @property
    def names(self) -> Iterable[str]:
        """The outputs on this chip."""
        return self._pins.keys()

    @property
    def known(self) -> bool:
        """Whether the chip is set up, and drives what it was told last as far as one knows."""
        return self._driven is not None

    def find(self) -> dict[str, OnOff] | None:
        """Read what the chip drives, whoever told it to; None when it does not answer. An input drives nothing."""
        try:
            registers = self._open().registers()
        except OSError as error:
            self._lose(error)
            return None
        found: dict[str, OnOff] = {}
        for name, (bit, output) in self._pins.items():
            drives, high = not registers.directions >> bit & 1, bool(registers.latch >> bit & 1)
            found[name] = "ON" if drives and high != output.active_low else "OFF"
        return found

    def drive(self, states: Mapping[str, OnOff]) -> bool:
        """Make the outputs so; False when the chip does not answer."""
        word = self._word(states)
        try:
            chip = self._open()
            if self._driven is None:
                self._set_up(chip, word)
            elif word != self._driven:
                self._driven = None  # a write that fails half-way leaves nothing known
                chip.drive(word)
            self._driven = word
        except OSError as error:
            self._lose(error)
            return False
        self._health.end(self._subject)
        return True

    def holds(self) -> bool:
        """Read back whether the chip still is as it was told; after False it is not `known`."""
        if self._chip is None or self._driven is None:
            return False
        try:
            if self._chip.holds(self._driven):
                return True
            found = self._chip.registers()
        except OSError as error:
            self._lose(error)
            return False
        self._health.begin(
            self._subject, f"lost its registers: IODIR {found.directions:04x}, OLAT {found.latch:04x}: a brown-out?"
        )
        self._driven = None
        return False

    def close(self) -> None:
        """Let go of the bus; the chip goes on driving what it was told last."""
        if self._bus:
            self._bus.close()

    @property
    def _subject(self) -> str:
        return f"expander 0x{self._address:02x}"

    def _open(self) -> Mcp23017 | IoPi:
        if self._chip is None:
            self._bus = self._bus or self._open_bus(self._bus_address, self._patience_seconds)
            outputs = sum(1 << bit for bit, _ in self._pins.values())
            self._chip = self._driver(self._bus, self._address, outputs)
        return self._chip

    def _set_up(self, chip: Mcp23017 | IoPi, word: int) -> None:
        before = chip.set_up(word)
        self._patience_seconds = 0.0
        driven = ~before.directions & before.latch & 0xFFFF
        log.info("%s set up; it was driving %04x, drives %04x now", self._subject, driven, word)

    def _lose(self, error: OSError) -> None:
        self._driven = None
        self._patience_seconds = 0.0
        self._health.begin(self._subject, f"does not answer on {self._bus_address}: {error.strerror or error}")
        if self._bus:
            self._bus.close()
        self._bus = self._chip = None

    def _word(self, states: Mapping[str, OnOff]) -> int:
        high = ((states[name] == "ON") != output.active_low for name, (_, output) in self._pins.items())
        return sum(level << bit for level, (bit, _) in zip(high, self._pins.values(), strict=True))


def expanders(
    config: Config, health: HealthBeat, open_bus: Callable[[str, float], Bus] = open_bus
) -> dict[str, Expander]:
    """Return each output's chip: pins 1 to 16 are its board's first, 17 to 32 its second."""
    places: dict[tuple[str, int], dict[str, tuple[int, Output]]] = {}
    for name, output in config.outputs.items():
        chip, bit = divmod(output.pin - 1, 16)
        places.setdefault((output.board, chip), {})[name] = (bit, output)
    found: dict[str, Any] = {}
    for (board_name, chip), pins in places.items():
        board = config.io_boards[board_name]
        found.update(dict.fromkeys(pins, Expander(board, board.addresses[chip], pins, health, open_bus)))
    return found
