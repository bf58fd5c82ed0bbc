import errno
import time
from collections.abc import Callable

import pytest
from smbus2 import i2c_msg

from picket.i2c import READ
from picket_simulator.bus import Bus, MonotonicClock, VirtualClock
from picket_simulator.chips.mcp3424 import Mcp3424
from picket_simulator.chips.mcp23017 import IODIR, OLAT, Mcp23017

ADC, IO = 0x68, 0x20


def new_bus(**settings: float) -> Bus:
    chips = {ADC: Mcp3424(lambda channel, _now: channel / 10), IO: Mcp23017()}
    return Bus(chips, VirtualClock(1.0), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("use", "bits"),
    [
        pytest.param(lambda bus: bus.write_byte(ADC, 0x80), 20, id="configuration write"),
        pytest.param(lambda bus: bus.i2c_rdwr(i2c_msg.read(ADC, 3)), 38, id="read of 3 bytes"),
        pytest.param(lambda bus: bus.i2c_rdwr(i2c_msg.read(ADC, 4)), 47, id="read of 4 bytes"),
        pytest.param(lambda bus: bus.read_i2c_block_data(ADC, 0x80, 4), 66, id="write, repeated start, read of 4"),
        pytest.param(lambda bus: bus.write_byte_data(IO, OLAT, 1), 29, id="register write"),
    ],
)
@pytest.mark.parametrize("bus_hertz", [100_000, 400_000])
def test_a_transfer_takes_its_bits_of_bus_time(use: Callable[[Bus], object], bits: int, bus_hertz: int) -> None:
    bus = new_bus(bus_hertz=bus_hertz, overhead_seconds=0.000_15)

    use(bus)

    assert bus.clock.now() == pytest.approx(1.0 + bits / bus_hertz + 0.000_15)


def test_an_absent_chip_does_not_acknowledge() -> None:
    bus = new_bus()

    with pytest.raises(OSError) as raised:
        bus.read_byte(0x42)

    assert raised.value.errno == errno.EREMOTEIO == 121
    assert bus.clock.now() == pytest.approx(1.0 + 11 / 100_000)


def test_drivers_see_registers_through_smbus2s_methods() -> None:
    bus = new_bus()

    bus.write_i2c_block_data(IO, IODIR, [0x00, 0x0F])
    bus.write_byte_data(IO, OLAT, 0x81)

    assert bus.read_i2c_block_data(IO, IODIR, 2) == [0x00, 0x0F]
    assert bus.read_byte_data(IO, OLAT) == 0x81


def test_a_conversion_ends_in_virtual_time() -> None:
    bus = new_bus()
    bus.write_byte(ADC, 0xA0)

    bus.clock.sleep(1 / 240)

    assert bus.transfer([(ADC, READ, 3)]) == bytes([0, 200, 0x20])


def test_general_calls_reach_every_chip_that_has_them() -> None:
    bus = new_bus()
    bus.write_byte(ADC, 0xAC)

    bus.write_byte(0x00, 0x06)

    assert bus.transfer([(ADC, READ, 3)])[2] == 0x90


def test_nobody_answers_a_general_call_without_converters() -> None:
    bus = Bus({IO: Mcp23017()}, VirtualClock())

    with pytest.raises(OSError, match="Remote I/O"):
        bus.write_byte(0x00, 0x06)


def test_a_nacking_address_comes_back_by_itself() -> None:
    bus = new_bus()
    bus.fault(IO, "nack", seconds=2)

    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte_data(IO, OLAT)
    bus.clock.sleep(2)

    assert bus.read_byte_data(IO, OLAT) == 0


def test_faults_last_until_they_are_cleared() -> None:
    bus = new_bus()
    bus.fault(ADC, "nack")
    bus.fault(ADC, "stuck")
    bus.clock.sleep(1_000_000)

    bus.fault(ADC, "clear")

    assert bus.transfer([(ADC, READ, 3)])[2] == 0x10


def test_a_stuck_converter_acknowledges_for_ever() -> None:
    bus = new_bus()

    bus.fault(ADC, "stuck")

    assert bus.transfer([(ADC, READ, 4)]) == bytes([0, 0, 0, 0x8C])


def test_a_brownout_resets_the_chip_at_once() -> None:
    bus = new_bus()
    bus.write_byte_data(IO, OLAT, 0xFF)

    bus.fault(IO, "brownout")

    assert bus.read_byte_data(IO, OLAT) == 0x00


@pytest.mark.parametrize(
    ("address", "kind", "message"),
    [
        pytest.param(0x42, "nack", "expected one of 0x68, 0x20, got 0x42", id="no such chip"),
        pytest.param(IO, "stuck", "stuck: only an MCP3424", id="stuck expander"),
        pytest.param(IO, "fire", "expected a fault of nack, stuck, brownout, clear", id="unknown fault"),
    ],
)
def test_a_fault_that_cannot_be_says_what_was_expected(address: int, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_bus().fault(address, kind)


def test_real_time_is_kept_to_a_tenth_of_a_millisecond() -> None:
    clock = MonotonicClock()
    late = []

    for _ in range(50):
        begin = time.monotonic()
        clock.sleep(0.000_5)
        late.append(time.monotonic() - begin - 0.000_5)

    assert 0 <= min(late) <= sorted(late)[5] < 0.000_1  # the others are a busy machine's
