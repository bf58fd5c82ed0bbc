from pathlib import Path

import pytest

from picket.config import Config
from picket_simulator.hardware import Hardware
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011


def serial_hardware(folder: Path, **ports: str) -> Hardware:
    collectors = {kind: {"kind": kind, "port": port} for kind, port in ports.items()}
    return Hardware(Config(device="demo", data_dir=str(folder), collectors=collectors))


def test_each_kind_of_serial_sensor_has_its_simulation(tmp_path: Path) -> None:
    kinds = ("sds011", "pms5003", "mhz19b")

    ports = serial_hardware(tmp_path, **{kind: f"{tmp_path}/sim/{kind}" for kind in kinds}).serial_ports

    assert {name: type(port.sensor) for name, port in ports.items()} == {
        "sds011": Sds011,
        "pms5003": Pms5003,
        "mhz19b": Mhz19b,
    }


@pytest.mark.parametrize("port", ["/dev/ttyUSB0", "auto"])
def test_a_real_port_is_not_simulated(tmp_path: Path, port: str) -> None:
    assert serial_hardware(tmp_path, pms5003=port).serial_ports == {}
