"""AB Electronics' own class against the direct driver, on the same simulated chip, judged by what the chip saw."""

import sys
from importlib.util import find_spec

import pytest

from picket_relay.iopi import IoPi
from picket_relay.mcp23017 import Mcp23017
from picket_simulator.bus import Bus, VirtualClock
from picket_simulator.chips import mcp23017 as chip
from tests.servers.latch import left_behind

OUTPUTS = 0x8003


needs_library = pytest.mark.skipif(
    find_spec("IOPi") is None,
    reason="AB Electronics' IOPi is not installed: its driver goes UNTESTED here (README: how to install)",
)


@needs_library
@pytest.mark.parametrize("bank", [0, 1])
@pytest.mark.parametrize("pin", [1, 2, 16])
def test_set_up_never_drives_a_stale_latch_again(pin: int, bank: int) -> None:
    bus, simulated = left_behind(0xFFFF, bank=bank)
    started = bus.clock.now()

    IoPi(bus, 0x20, OUTPUTS).set_up(0x0000)

    levels = [level for at, level in simulated.levels(pin) if at > started]
    assert levels[-1] is False
    assert True not in levels
    assert simulated.level(3) is None


@needs_library
def test_active_low_relays_stay_off_from_power_on() -> None:
    simulated = chip.Mcp23017()
    bus = Bus({0x20: simulated}, clock=VirtualClock())

    IoPi(bus, 0x20, OUTPUTS).set_up(OUTPUTS)

    assert all(False not in [level for _, level in simulated.levels(pin)] for pin in (1, 2, 16))


@needs_library
@pytest.mark.parametrize("word", [0x0000, 0x0001, 0x8000, 0x8003, 0xFFFF])
def test_both_drivers_leave_the_same_registers(word: int) -> None:
    registers = []
    for driver in (IoPi, Mcp23017):
        bus, simulated = left_behind(0x1234)
        made = driver(bus, 0x20, OUTPUTS)
        before = made.set_up(0)
        made.drive(word)
        registers.append((before, made.registers(), made.holds(word), simulated.registers))

    assert registers[0] == registers[1]
    assert registers[0][2]


@needs_library
def test_a_loaded_pin_and_an_input_never_get_into_the_latch() -> None:
    bus, simulated = left_behind(0)
    driver = IoPi(bus, 0x20, OUTPUTS)
    driver.set_up(0)
    simulated.external[:] = [0xFF, 0xFF]

    driver.drive(0x0001)

    assert driver.registers().latch == 0x0001


@needs_library
def test_a_brown_out_is_seen() -> None:
    bus, _ = left_behind(0)
    driver = IoPi(bus, 0x20, OUTPUTS)
    driver.set_up(0x0001)

    bus.fault(0x20, "brownout")

    assert not driver.holds(0x0001)


@needs_library
def test_a_chip_that_does_not_answer_raises() -> None:
    bus, _ = left_behind(0)
    bus.fault(0x20, "nack")

    with pytest.raises(OSError, match="Remote I/O error"):
        IoPi(bus, 0x20, OUTPUTS).set_up(0)


def test_a_missing_package_raises_before_a_pin_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "IOPi", None)
    bus, simulated = left_behind(0x0001)

    with pytest.raises(OSError, match="IOPi is not installed"):
        IoPi(bus, 0x20, OUTPUTS).set_up(0)

    assert simulated.level(1) is True
