"""The real driver on a simulated chip, judged by what the chip saw."""

import pytest

from picket_relay.mcp23017 import Mcp23017
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp23017 as chip
from tests.servers.latch import left_behind

OUTPUTS = 0x8003


@pytest.mark.parametrize("bank", [0, 1])
def test_set_up_never_drives_a_stale_latch_again(bank: int) -> None:
    bus, simulated = left_behind(0xFFFF, bank=bank)
    started = bus.clock.now()

    Mcp23017(bus, 0x20, OUTPUTS).set_up(0x0000)

    levels = [level for at, level in simulated.levels(1) if at > started]
    assert levels[-1] is False
    assert True not in levels
    assert simulated.level(3) is None


def test_active_low_relays_stay_off_from_power_on() -> None:
    simulated = chip.Mcp23017()
    bus = Bus({0x20: simulated}, clock=VirtualClock())

    Mcp23017(bus, 0x20, OUTPUTS).set_up(OUTPUTS)

    assert False not in [level for _, level in simulated.levels(1)]


def test_both_ports_are_written_in_one_transfer() -> None:
    bus, simulated = left_behind(0)
    driver = Mcp23017(bus, 0x20, OUTPUTS)
    driver.set_up(0)

    driver.drive(0x8001)

    assert (simulated.level(1), simulated.level(2), simulated.level(16)) == (True, False, True)
    assert driver.holds(0x8001)


def test_a_brown_out_is_seen() -> None:
    bus, _ = left_behind(0)
    driver = Mcp23017(bus, 0x20, OUTPUTS)
    driver.set_up(0x0001)

    bus.fault(0x20, "brownout")

    assert not driver.holds(0x0001)
