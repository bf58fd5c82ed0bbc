from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.config.schema import AdcBoard, AnalogPir, Config, DigitalPir, IoBoard, Output, Simulator
from picket_simulator.server import Server


def new_config(data_dir: Path) -> Config:
    return Config(
        device="demo",
        data_dir=str(data_dir),
        adc_boards={"main": AdcBoard(bus="sim://127.0.0.1"), "real": AdcBoard(addresses=[0x6A])},
        io_boards={"main": IoBoard(bus="sim://127.0.0.1")},
        inputs={
            "hall": AnalogPir(channel=1),
            "garden": DigitalPir(channel=6),
            "attic": DigitalPir(board="real", channel=1),
        },
        outputs={"siren": Output(pin=1), "door": Output(pin=32)},
        collectors={
            "air": {"kind": "sds011", "port": str(data_dir / "sim" / "air")},
            "yard": {"kind": "sds011", "port": "/dev/ttyUSB0"},
            "host": {"kind": "host"},
        },
        simulator=Simulator(bus_port=0, control_port=0),
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve two boards, two inputs and a dust sensor on ports that the system chose."""
    with Server(new_config(tmp_path)) as server:
        yield server
