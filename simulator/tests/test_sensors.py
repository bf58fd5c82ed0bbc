"""The sensors that collectors ask by I2C and sysfs, as the running simulator has them."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.config.schema import Config, Simulator
from picket.i2c import open_bus
from picket_simulator import command
from picket_simulator.server import Server

SIM = "sim://127.0.0.1:7701"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    config = Config(
        device="demo",
        data_dir=str(tmp_path),
        collectors={
            "climate": {"kind": "bme280", "bus": SIM},
            "attic": {"kind": "bme280", "bus": SIM, "address": 0x77},
            "gas": {"kind": "sgp30", "bus": SIM},
            "cellar": {"kind": "bme280"},  # on the Pi's own bus
            "bathroom": {"kind": "dht22", "gpio_pin": 4, "sysfs": str(tmp_path / "sim" / "sys")},
            "kitchen": {"kind": "dht22", "gpio_pin": 17},
        },
        simulator=Simulator(bus_port=0, control_port=0),
    )
    with Server(config) as server:
        file = tmp_path / "picket.yaml"
        file.write_text(f"device: demo\nsimulator: {{ control_port: {server.control_port} }}\n")
        monkeypatch.setenv("PICKET_CONFIG", str(file))
        yield server


def simulate(*words: str) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    assert command.run(parser.parse_args(words)) == 0


def test_only_sensors_on_a_simulated_bus_or_in_the_data_folder_are_simulated(server: Server, tmp_path: Path) -> None:
    boards = {hex(address): place.board for address, place in server.hardware.places.items()}

    assert boards == {"0x76": "climate", "0x77": "attic", "0x58": "gas"}
    assert [file.read_text() for file in tmp_path.glob("sim/sys/bus/iio/devices/*/name")] == ["dht11@4\n"]


def test_their_registers_are_shown(server: Server, capsys: Any) -> None:
    bus = open_bus(f"sim://127.0.0.1:{server.bus_port}")
    bus.write_i2c_block_data(0x76, 0xF2, [0x01, 0xF4, 0x24])
    bus.close()

    simulate("chips", "--json", "--history")
    chips = {chip["address"]: chip for chip in json.loads(capsys.readouterr().out)}
    simulate("chips")
    table = capsys.readouterr().out.splitlines()

    assert chips["0x76"]["registers"] == {"CTRL_HUM": 1, "STATUS": 0, "CTRL_MEAS": 0x24, "CONFIG": 0}
    assert chips["0x58"]["registers"] == {"BASELINE_ECO2": 0, "BASELINE_TVOC": 0, "HUMIDITY": 0x0B92}
    assert table == [
        "0x76 BME280 of climate  CTRL_HUM 0001  STATUS 0000  CTRL_MEAS 0024  CONFIG 0000",
        "0x77 BME280 of attic  CTRL_HUM 0000  STATUS 0000  CTRL_MEAS 0000  CONFIG 0000",
        "0x58 SGP30 of gas  BASELINE_ECO2 0000  BASELINE_TVOC 0000  HUMIDITY 0b92",
    ]


def test_their_faults_are_those_of_chips(server: Server) -> None:
    bus = open_bus(f"sim://127.0.0.1:{server.bus_port}")
    bus.write_byte_data(0x77, 0xF2, 0x01)
    simulate("fault", "nack", "0x76")
    simulate("fault", "brownout", "0x77")

    with pytest.raises(OSError, match="Remote I/O"):
        bus.read_byte_data(0x76, 0xD0)

    simulate("fault", "clear", "0x76")
    assert bus.read_byte_data(0x76, 0xD0) == 0x60
    assert bus.read_byte_data(0x77, 0xF2) == 0x00
    bus.close()


def test_a_dht22_fails_at_once_and_comes_back(server: Server, tmp_path: Path) -> None:
    (file,) = tmp_path.glob("sim/sys/bus/iio/devices/*/in_temp_input")

    simulate("fault", "unplug", "bathroom")
    gone = not file.exists()
    simulate("fault", "clear", "bathroom")

    assert gone
    assert int(file.read_text()) > 0
    assert [appliance.names for appliance in server.hardware.appliances] == [("bathroom",)]


def test_a_sensor_that_converts_can_be_stuck_and_one_that_does_not_can_not(server: Server) -> None:
    server.hardware.fault("0x76", "stuck", 1.0)

    with pytest.raises(ValueError, match="stuck: only an MCP3424 or a BME280"):
        server.hardware.fault("0x58", "stuck", 1.0)
