import errno
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest
from smbus2 import i2c_msg

from picket.config.schema import Config, Simulator
from picket.i2c import Bus, open_bus
from picket_simulator.command import SimulatorError, ask
from picket_simulator.server import Server

SIM = "sim://127.0.0.1"
ADC_2, IO_1, IO_2 = 0x69, 0x20, 0x21


@pytest.fixture
def bus(server: Server) -> Iterator[Bus]:
    bus = open_bus(f"{SIM}:{server.bus_port}")
    yield bus
    bus.close()


def control(server: Server, **request: Any) -> dict[str, Any]:
    return ask(server.control_port, request)


def read_volts(bus: Bus, address: int, channel: int) -> float:
    """Convert once, with 12 bits, and return the volts at the terminal."""
    bus.write_byte(address, 0x80 | (channel - 1) << 5)
    reading = b"\0\0\x80"
    while reading[2] & 0x80:
        message = i2c_msg.read(address, 3)
        bus.i2c_rdwr(message)
        reading = message.buf[:3]
    return int.from_bytes(reading[:2], "big", signed=True) * 0.001 * 2.471


def test_all_clients_share_one_bus(server: Server, bus: Bus) -> None:
    other = open_bus(f"{SIM}:{server.bus_port}")

    bus.write_byte_data(IO_1, 0x14, 0xA5)

    assert other.read_byte_data(IO_1, 0x14) == 0xA5
    other.close()


def test_many_clients_at_once_get_their_own_answers(server: Server) -> None:
    def count(register: int) -> list[int]:
        bus = open_bus(f"{SIM}:{server.bus_port}")
        seen = []
        for value in range(100):
            bus.write_byte_data(IO_1, register, value)
            seen.append(bus.read_byte_data(IO_1, register))
        bus.close()
        return seen

    with ThreadPoolExecutor() as pool:
        results = list(pool.map(count, [0x00, 0x01, 0x14, 0x15]))

    assert results == [list(range(100))] * 4


def test_an_absent_chip_is_a_remote_io_error(bus: Bus) -> None:
    with pytest.raises(OSError) as raised:
        bus.read_byte(0x6A)

    assert raised.value.errno == errno.EREMOTEIO


def test_inputs_stand_on_their_boards_channels(server: Server, bus: Bus) -> None:
    control(server, op="play", input="garden", samples=[[0, 3.3], [60, 3.3]])

    assert read_volts(bus, 0x68, 1) == pytest.approx(2.5, abs=0.03)
    assert read_volts(bus, ADC_2, 2) == pytest.approx(3.3, abs=0.01)
    assert read_volts(bus, ADC_2, 3) == 0


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n" * 10, id="another protocol"),
        pytest.param(b"\x00\x01\x80\x00\x00\x00", id="an address of 8 bits"),
        pytest.param(b"\x00\x01\x20\x07\x00\x00", id="unknown flags"),
        pytest.param(b"\x00\x01\x20", id="half a transfer"),
    ],
)
def test_a_clients_rubbish_closes_only_that_client(server: Server, bus: Bus, rubbish: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.bus_port), timeout=5) as client:
        client.sendall(rubbish)
        client.shutdown(socket.SHUT_WR)
        try:
            answer = client.recv(100)
        except ConnectionResetError:
            answer = b""

    assert answer == b""
    assert bus.read_byte_data(IO_1, 0x00) == 0xFF


def test_the_wire_adds_little_to_the_bus_time(bus: Bus) -> None:
    spent = []

    for _ in range(300):
        begin = time.perf_counter()
        bus.write_byte(0x68, 0x90)
        spent.append(time.perf_counter() - begin)

    added = sorted(spent)[30] - 20 / 400_000
    assert added < 0.001, "0.06 ms on an idle machine"


def test_the_registers_of_every_simulated_chip_are_shown(server: Server, bus: Bus) -> None:
    read_volts(bus, 0x68, 1)
    bus.write_byte_data(IO_2, 0x15, 0x80)
    bus.write_byte_data(IO_2, 0x01, 0x7F)

    chips = {chip["address"]: chip for chip in control(server, op="chips", history=True)["chips"]}

    assert list(chips) == ["0x68", "0x69", "0x20", "0x21"]
    assert chips["0x68"]["channels"]["1"]["input"] == "hall"
    assert chips["0x68"]["channels"]["1"]["volts"] == pytest.approx(2.5, abs=0.03)
    assert chips["0x21"]["registers"] == {
        "OLAT": 0x8000,
        "IODIR": 0x7FFF,
        "IPOL": 0,
        "IOCON": 0,
        "GPPU": 0,
        "GPIO": 0x8000,
    }
    assert chips["0x20"]["outputs"] == {"siren": {"pin": 1, "level": "floating"}}
    assert chips["0x21"]["outputs"] == {"door": {"pin": 16, "level": "high"}}
    writes, levels = chips["0x21"]["writes"], chips["0x21"]["levels"]["door"]
    assert [(write["register"], write["value"]) for write in writes] == [("OLATB", 0x80), ("IODIRB", 0x7F)]
    assert [level["level"] for level in levels] == ["high"]
    assert writes[0]["seconds"] == pytest.approx(time.monotonic(), abs=5)


def test_a_fault_on_a_chip_shows_on_the_bus(server: Server, bus: Bus) -> None:
    control(server, op="fault", target="0x20", fault="nack")
    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte_data(IO_1, 0x00)

    control(server, op="fault", target="0x20", fault="clear")

    assert bus.read_byte_data(IO_1, 0x00) == 0xFF


def test_only_serial_sensors_under_the_data_folder_are_simulated(server: Server, tmp_path: Path) -> None:
    assert list(server.hardware.serial_ports) == ["air"]
    assert (tmp_path / "sim" / "air").exists()

    assert control(server, op="fault", target="air", fault="silent", seconds=1) == {}


@pytest.mark.parametrize(
    ("request_fields", "message"),
    [
        ({"op": "fly"}, "op: expected one of chips, walk, tamper, short, open, play, disturb, fault, got fly"),
        ({"op": "walk"}, "missing required field `input`"),
        ({"op": "walk", "input": "attic"}, "expected an input of hall, garden, got attic"),
        ({"op": "play", "input": "hall", "samples": [[0, "x"]]}, "Expected `float`, got `str`"),
        ({"op": "disturb", "input": "hall", "kind": "rain"}, "expected a disturbance of rf_bursts, .*, got rain"),
        ({"op": "disturb", "input": "hall", "kind": "rf_bursts", "seconds": 1e9}, "`float` <= 3600"),
        ({"op": "fault", "target": "cat", "fault": "nack"}, "expected one of 0x68, 0x69, 0x20, 0x21, air, got cat"),
        ({"op": "fault", "target": "0x42", "fault": "nack"}, "expected one of 0x68, 0x69, 0x20, 0x21, got 0x42"),
        ({"op": "fault", "target": "air", "fault": "nack"}, "expected a fault of silent, garbage, unplug, clear"),
        ({"op": "fault", "target": "0x68", "fault": "nack", "seconds": -1}, "`float` >= 0"),
    ],
)
def test_a_request_that_cannot_be_says_what_was_expected(
    server: Server, request_fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(SimulatorError, match=message):
        control(server, **request_fields)


def test_rubbish_on_the_control_port_is_answered_and_the_next_line_heard(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.control_port), timeout=5) as client:
        client.sendall(b'rubbish\n[1]\n{"op":"chips"}\n')
        answers = [json.loads(line) for _, line in zip(range(3), client.makefile(), strict=False)]

    assert ["error" in answer for answer in answers] == [True, True, False]


def test_a_taken_port_is_named(server: Server) -> None:
    config = msgspec.structs.replace(
        server.hardware.config, simulator=Simulator(bus_port=0, control_port=server.control_port)
    )

    with pytest.raises(OSError, match=f"127.0.0.1:{server.control_port}: Address already in use"):
        Server(config)


def test_when_it_stops_its_clients_notice(tmp_path: Path) -> None:
    config = Config(device="demo", data_dir=str(tmp_path), simulator=Simulator(bus_port=0, control_port=0))
    with Server(config) as server:
        client = socket.create_connection(("127.0.0.1", server.bus_port), timeout=5)
        bus = open_bus(f"{SIM}:{server.bus_port}")
        with pytest.raises(OSError, match="Remote I/O"):
            bus.read_byte(IO_1)

    with client:
        assert client.recv(1) == b""
    with pytest.raises(OSError, match="the simulator's bus is away"):
        bus.read_byte(IO_1)
