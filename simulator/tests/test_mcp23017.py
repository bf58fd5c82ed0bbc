import pytest

from picket_simulator.chips import mcp23017
from picket_simulator.chips.mcp23017 import GPIO, GPPU, IOCON, IODIR, IPOL, OLAT, Mcp23017


def register(chip: Mcp23017, address: int) -> int:
    chip.write(bytes([address]), 0.0)
    return chip.read(1, 0.0)[0]


def test_after_power_on_all_pins_are_inputs_and_all_else_is_zero() -> None:
    chip = Mcp23017()

    chip.write(bytes([0x00]), 0.0)

    assert chip.read(22, 0.0) == bytes([0xFF, 0xFF] + [0] * 20)


def test_registers_are_written_and_read_in_sequence_and_the_pointer_wraps() -> None:
    chip = Mcp23017()

    chip.write(bytes([OLAT, 0x11, 0x22, 0xF0]), 0.0)

    assert register(chip, OLAT) == 0x11
    assert register(chip, OLAT + 1) == 0x22
    assert register(chip, IODIR) == 0xF0


def test_with_seqop_the_pointer_goes_to_and_fro_between_the_ports() -> None:
    chip = Mcp23017()
    chip.write(bytes([IOCON, 0x20]), 0.0)

    chip.write(bytes([OLAT, 1, 2, 3]), 0.0)

    assert chip.read(2, 0.0) == bytes([2, 3])


def test_writing_gpio_writes_the_latch() -> None:
    chip = Mcp23017()

    chip.write(bytes([GPIO, 0x05]), 0.0)

    assert register(chip, OLAT) == 0x05
    assert register(chip, GPIO) == 0x00, "the pins are still inputs"


def test_reading_gpio_gives_the_latch_of_outputs_and_the_world_of_inputs() -> None:
    chip = Mcp23017()
    chip.external[0] = 0b1010_0000
    chip.write(bytes([OLAT, 0b0000_0101]), 0.0)

    chip.write(bytes([IODIR, 0xF0]), 0.0)

    assert register(chip, GPIO) == 0b1010_0101


def test_polarity_and_pull_ups_show_in_gpio() -> None:
    chip = Mcp23017()

    chip.write(bytes([GPPU, 0x0F]), 0.0)
    chip.write(bytes([IPOL, 0x03]), 0.0)

    assert register(chip, GPIO) == 0x0C


def test_both_addresses_of_iocon_are_one_register() -> None:
    chip = Mcp23017()

    chip.write(bytes([IOCON + 1, 0x02]), 0.0)

    assert register(chip, IOCON) == 0x02


def test_interrupt_flags_cannot_be_written() -> None:
    chip = Mcp23017()

    chip.write(bytes([0x0E, 0xFF, 0xFF, 0xFF, 0xFF]), 0.0)

    assert chip.registers[0x0E:0x12] == [0, 0, 0, 0]


def test_bank_1_moves_the_registers_and_0x05_leads_back() -> None:
    chip = Mcp23017()
    chip.write(bytes([IOCON, 0x80]), 0.0)

    chip.write(bytes([0x0A, 0x42]), 0.0)  # OLATA now, no longer IOCON
    chip.write(bytes([0x10, 0x0F]), 0.0)  # IODIRB
    chip.write(bytes([0x0F, 0xFF]), 0.0)  # no register
    chip.write(bytes([0x05, 0x00]), 0.0)  # IOCON

    assert register(chip, OLAT) == 0x42
    assert register(chip, IODIR + 1) == 0x0F
    assert register(chip, IOCON) == 0x00


def test_a_brown_out_makes_inputs_of_all_pins_and_clears_the_latch() -> None:
    chip = Mcp23017()
    chip.write(bytes([OLAT, 0x01]), 0.0)
    chip.write(bytes([IODIR, 0xFE]), 0.0)
    assert chip.level(1) is True

    chip.power_cycle(1.0)

    assert chip.level(1) is None
    assert register(chip, OLAT) == 0x00


def test_what_a_pin_did_is_rebuilt_from_the_history() -> None:
    chip = Mcp23017()
    chip.write(bytes([OLAT + 1, 0x80]), 1.0)
    chip.write(bytes([IODIR + 1, 0x7F]), 2.0)
    chip.write(bytes([OLAT, 0xFF]), 3.0)
    chip.write(bytes([OLAT + 1, 0x00]), 4.0)
    chip.power_cycle(5.0)

    assert chip.levels(16) == [(2.0, True), (4.0, False), (5.0, None)]


def test_a_long_history_forgets_its_beginning_but_not_the_state_it_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp23017, "HISTORY", 3)
    chip = Mcp23017()
    chip.write(bytes([IODIR, 0xFE]), 1.0)
    for now in (2.0, 3.0, 4.0, 5.0):
        chip.write(bytes([OLAT, int(now) % 2]), now)

    assert len(chip.history) == 3
    assert chip.levels(1) == [(3.0, True), (4.0, False), (5.0, True)]
