"""What the simulated chips hold, for people and for tests."""

import time
from datetime import UTC, datetime
from typing import Any

from picket_simulator.chips.bme280 import NAMES as BME280_NAMES
from picket_simulator.chips.bme280 import Bme280
from picket_simulator.chips.mcp3424 import Mcp3424
from picket_simulator.chips.mcp23017 import GPPU, IOCON, IODIR, IPOL, NAMES, OLAT, REGISTERS, Mcp23017
from picket_simulator.chips.sgp30 import Sgp30
from picket_simulator.hardware import CHANNELS, DIVIDER, Hardware

LEVELS = {True: "high", False: "low", None: "floating"}
SHOWN = (OLAT, IODIR, IPOL, IOCON, GPPU)


def chips(hardware: Hardware, *, history: bool) -> list[dict[str, Any]]:
    """Describe every chip as of now; registers of two ports are one word, port A in the low byte."""
    rows: list[dict[str, Any]] = []
    with hardware.bus.held() as now:
        for address, chip in hardware.bus.chips.items():
            row = {"address": hex(address), "board": hardware.places[address].board}
            if isinstance(chip, Mcp3424):
                chip.advance(now)
                rows.append(row | _converter(hardware, address, chip))
            elif isinstance(chip, Mcp23017):
                rows.append(row | _expander(hardware, address, chip))
                if history:
                    rows[-1] |= _history(hardware, address, chip, now)
            elif isinstance(chip, Bme280):
                chip.advance(now)
                registers = {name: chip.registers[register] for register, name in BME280_NAMES.items()}
                rows.append(row | {"chip": "BME280", "registers": registers})
            elif isinstance(chip, Sgp30):
                rows.append(row | _gas_sensor(chip, now))
    return rows


def _converter(hardware: Hardware, address: int, chip: Mcp3424) -> dict[str, Any]:
    channels = {
        str(channel): {"input": hardware.input_at(address, channel), "volts": round(volts * DIVIDER, 5)}
        for channel in range(1, CHANNELS + 1)
        if (volts := chip.conversions.get(channel)) is not None
    }
    return {"chip": "MCP3424", "config": chip.config, "channels": channels}


def _expander(hardware: Hardware, address: int, chip: Mcp23017) -> dict[str, Any]:
    words = {NAMES[register // 2]: chip.registers[register] | chip.registers[register + 1] << 8 for register in SHOWN}
    outputs = {
        name: {"pin": pin, "level": LEVELS[chip.level(pin)]} for name, pin in hardware.outputs_at(address).items()
    }
    return {"chip": "MCP23017", "registers": words | {"GPIO": chip.port(0) | chip.port(1) << 8}, "outputs": outputs}


def _gas_sensor(chip: Sgp30, now: float) -> dict[str, Any]:
    eco2, tvoc = chip.baseline(now)
    return {"chip": "SGP30", "registers": {"BASELINE_ECO2": eco2, "BASELINE_TVOC": tvoc, "HUMIDITY": chip.humidity}}


def _history(hardware: Hardware, address: int, chip: Mcp23017, now: float) -> dict[str, Any]:
    """List the writes, and what each output's pin did; in seconds of this machine's monotonic clock, and UTC."""
    wall = time.time() - now

    def when(at: float) -> dict[str, Any]:
        return {"time": datetime.fromtimestamp(wall + at, UTC).isoformat(timespec="microseconds"), "seconds": at}

    writes = [when(write.at) | {"register": REGISTERS[write.register], "value": write.value} for write in chip.history]
    levels = {
        name: [when(at) | {"level": LEVELS[level]} for at, level in chip.levels(pin)]
        for name, pin in hardware.outputs_at(address).items()
    }
    return {"writes": writes, "levels": levels}
