"""The hardware that a configuration asks for: chips on one bus, wired to the world, serial sensors, appliances."""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from picket.config import Config
from picket_simulator.air import room
from picket_simulator.appliances import appliances
from picket_simulator.bus import Bus
from picket_simulator.chips import Chip
from picket_simulator.chips.bme280 import Bme280
from picket_simulator.chips.mcp3424 import Mcp3424
from picket_simulator.chips.mcp23017 import Mcp23017
from picket_simulator.chips.sgp30 import Sgp30
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort, SerialSensor
from picket_simulator.world import World

DIVIDER = 2.471  # an ADC Pi's 10k / 6.8k: volts at the terminal for a volt at the chip
CHANNELS, PINS = 4, 16  # of one chip
CLOCK_SPREAD = 0.1
# By the kind of collector; who tries a house out is not to wait three minutes for carbon dioxide.
SERIAL_SENSORS: Mapping[str, Callable[[], SerialSensor]] = {
    "sds011": Sds011,
    "pms5003": Pms5003,
    "mhz19b": partial(Mhz19b, warm_up_seconds=20),
}
I2C_SENSORS: Mapping[str, Callable[[], Bme280 | Sgp30]] = {"bme280": lambda: Bme280(room), "sgp30": lambda: Sgp30(room)}
ADDRESSES = {"bme280": 0x76, "sgp30": 0x58}  # where a collector names none


class Place(NamedTuple):
    """Where a chip sits: it is the first or second (0, 1) of a board, or a collector's only one."""

    board: str
    number: int


class Hardware:
    """All that is simulated; boards on a real bus are not."""

    def __init__(self, config: Config) -> None:
        """Power everything on."""
        self.config = config
        self.places: dict[int, Place] = {}
        chips: dict[int, Chip] = {}
        for name, adc_board in config.adc_boards.items():
            if adc_board.bus.startswith("sim://"):
                for number, address in enumerate(adc_board.addresses):
                    self.places[address] = Place(name, number)
                    chips[address] = self._converter(address)
        for name, io_board in config.io_boards.items():
            if io_board.bus.startswith("sim://"):
                for number, address in enumerate(io_board.addresses):
                    self.places[address] = Place(name, number)
                    chips[address] = Mcp23017()
        for name, address, sensor in _sensors(config):
            self.places[address] = Place(name, 0)
            chips[address] = sensor
        self._inputs = {
            (source.board, source.channel): name
            for name, source in config.inputs.items()
            if config.adc_boards[source.board].bus.startswith("sim://")
        }
        self._supplies = {(supply.board, supply.channel): supply.nominal_volts for supply in config.supplies.values()}
        self.world = World({name: config.inputs[name] for name in self._inputs.values()}, config.simulator.seed)
        self.bus = Bus(chips, bus_hertz=config.simulator.bus_hertz)
        self.serial_ports = {name: SerialPort(sensor, link) for name, sensor, link in _serial(config)}
        self.appliances = appliances(config)

    def input_at(self, address: int, channel: int) -> str | None:
        """Name the input on a converter's channel, 1 to 4."""
        place = self.places[address]
        return self._inputs.get((place.board, place.number * CHANNELS + channel))

    def outputs_at(self, address: int) -> dict[str, int]:
        """Name the outputs of an expander and their pins on it, 1 to 16."""
        place = self.places[address]
        return {
            name: output.pin - place.number * PINS
            for name, output in self.config.outputs.items()
            if output.board == place.board and (output.pin - 1) // PINS == place.number
        }

    def fault(self, target: str, kind: str, seconds: float) -> None:
        """Let a chip ("0x68"), or what a collector asks (by the collector's name) misbehave; raises ValueError."""
        if target in self.serial_ports:
            self.serial_ports[target].fault(kind, seconds)
            return
        for appliance in self.appliances:
            if target in appliance.names:
                appliance.fault(target, kind, seconds)
                return
        try:
            address = int(target, 16)
        except ValueError:
            names = [name for appliance in self.appliances for name in appliance.names]
            known = [*map(hex, self.places), *self.serial_ports, *names]
            raise ValueError(f"target: expected one of {', '.join(known)}, got {target}") from None
        self.bus.fault(address, kind, seconds)

    def _supply_at(self, address: int, channel: int) -> float:
        place = self.places[address]
        return self._supplies.get((place.board, place.number * CHANNELS + channel), 0.0)

    def _converter(self, address: int) -> Mcp3424:
        def volts(channel: int, now: float) -> float:
            name = self.input_at(address, channel)
            return (self.world.volts(name, now) if name else self._supply_at(address, channel)) / DIVIDER

        # Each chip's clock is a little off, as real ones are, and the same at every start.
        spread = random.Random(f"{self.config.simulator.seed} {address}").uniform(-CLOCK_SPREAD, CLOCK_SPREAD)
        return Mcp3424(volts, 1 + spread)


def _sensors(config: Config) -> Iterator[tuple[str, int, Bme280 | Sgp30]]:
    """Find the sensors on a simulated bus, and their addresses."""
    for name, collector in config.collectors.items():
        kind = collector.get("kind")
        if kind in I2C_SENSORS and str(collector.get("bus")).startswith("sim://"):
            yield name, int(str(collector.get("address", ADDRESSES[kind])), 0), I2C_SENSORS[kind]()


def _serial(config: Config) -> Iterator[tuple[str, SerialSensor, Path]]:
    """Find where each serial sensor is expected: a port under the data folder; one elsewhere is a real device's."""
    folder = Path(config.data_dir).absolute()
    for name, collector in config.collectors.items():
        if collector.get("kind") in SERIAL_SENSORS:
            link = Path(collector.get("port", folder / "sim" / name)).absolute()
            if link.is_relative_to(folder):
                yield name, SERIAL_SENSORS[collector["kind"]](), link
