"""An output chip as a crashed host leaves it."""

from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp23017 as chip


def left_behind(latch: int, *, bank: int = 0) -> tuple[Bus, chip.Mcp23017]:
    """Return a bus and the chip at 0x20 on it that still drives `latch`."""
    simulated = chip.Mcp23017()
    bus = Bus({0x20: simulated}, clock=VirtualClock())
    bus.write_i2c_block_data(0x20, 0x14, [latch & 0xFF, latch >> 8])
    bus.write_i2c_block_data(0x20, 0x00, [0, 0])
    if bank:
        bus.write_byte_data(0x20, 0x0A, 0x80)
    return bus, simulated
