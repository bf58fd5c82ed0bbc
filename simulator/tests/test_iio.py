import errno
from pathlib import Path
from typing import Any

import pytest

from picket.config import Config
from picket_simulator.air import Air
from picket_simulator.iio import Dht22, Dht22s, serves

ROOM = Air(21.34, 48.16, 1013.0, 600, 90)


@pytest.fixture
def sensor(tmp_path: Path) -> Dht22:
    return Dht22(tmp_path / "iio:device0", 17, lambda _now: ROOM)


def shown(sensor: Dht22) -> dict[str, str]:
    return {file.name: file.read_text() for file in sensor.folder.iterdir()}


def test_it_looks_like_the_kernel_s_folder(sensor: Dht22) -> None:
    sensor.show(0.0)

    assert shown(sensor) == {
        "name": "dht11@11\n",
        "in_temp_input": "21300\n",
        "in_humidityrelative_input": "48200\n",
    }


def test_a_silent_sensor_fails_to_be_read_as_the_kernel_s_does(sensor: Dht22) -> None:
    sensor.fault.begin("silent", now=0.0, seconds=10.0)
    sensor.show(0.0)

    with pytest.raises(OSError, match="Input/output") as raised:
        shown(sensor)

    assert raised.value.errno == errno.EIO
    sensor.show(10.0)
    assert shown(sensor)["in_temp_input"] == "21300\n"


def test_an_unplugged_sensor_is_gone_until_it_is_back(sensor: Dht22) -> None:
    sensor.show(0.0)
    sensor.fault.begin("unplug", now=0.0, seconds=10.0)

    sensor.show(1.0)
    gone = not sensor.folder.exists()
    sensor.fault.begin("clear", now=0.0, seconds=10.0)
    sensor.show(2.0)

    assert gone
    assert sensor.folder.exists()


def test_garbage_is_a_reading_that_no_air_has(sensor: Dht22) -> None:
    sensor.fault.begin("garbage", now=0.0, seconds=10.0)
    sensor.show(0.0)

    assert shown(sensor)["in_temp_input"] == shown(sensor)["in_humidityrelative_input"] == "1000\n"


def test_a_fault_that_it_does_not_have_is_refused(sensor: Dht22) -> None:
    with pytest.raises(ValueError, match="expected a fault of silent, garbage, unplug, clear, got nack"):
        sensor.fault.begin("nack", now=0.0)


@pytest.mark.parametrize(
    ("collector", "expected"),
    [
        pytest.param({"sysfs": "/data/sim/sys"}, True, id="in-the-data-folder"),
        pytest.param({"sysfs": "/data/else/sys"}, False, id="beside-it"),
        pytest.param({}, False, id="the-kernel-s"),
    ],
)
def test_only_sensors_in_the_data_folder_are_simulated(collector: Any, expected: bool) -> None:
    assert serves(Config(device="demo", data_dir="/data"), collector) is expected


def test_all_sensors_of_a_configuration_share_one_tree_and_leave_none(tmp_path: Path) -> None:
    collectors = {name: {"sysfs": str(tmp_path), "gpio_pin": pin} for name, pin in (("bath", 4), ("cellar", 27))}

    with Dht22s(Config(device="demo"), collectors) as sensors:
        names = [file.read_text() for file in sorted(tmp_path.glob("bus/iio/devices/*/name"))]
        sensors.fault("bath", "silent", 60)

    assert sensors.names == ("bath", "cellar")
    assert names == ["dht11@4\n", "dht11@1b\n"]
    assert not list(tmp_path.glob("bus/iio/devices/*"))
