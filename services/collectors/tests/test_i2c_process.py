"""The I2C sensors and the DHT22 as processes: a real hub, and the simulator with a bus that others use too."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.i2c import open_bus
from picket.messages import decode
from picket_simulator.command import SimulatorError, ask
from tests.servers.release import Release
from tests.servers.waiting import wait_for

PATIENCE_SECONDS = 120.0  # the SGP30 warms up for 16 s

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """A hub, and the simulator with a board and three sensors."""
    extra = f"""
io_boards: {{ main: {{ bus: "BUS" }} }}
collectors:
  climate: {{ kind: bme280, bus: "BUS", interval_seconds: 1 }}
  gas: {{ kind: sgp30, bus: "BUS", interval_seconds: 2, humidity_from: climate }}
  bathroom: {{ kind: dht22, gpio_pin: 17, sysfs: "{tmp_path}/data/sim/sys", interval_seconds: 5 }}
"""
    with Release(tmp_path, extra) as release:
        release.start_hub()
        release.start("picket_simulator")
        yield release


def simulate(release: Release, **request: Any) -> dict[str, Any]:
    return ask(release.config.simulator.control_port, request)


def last(release: Release, topic: str) -> Any:
    entries = release.journal(topic)
    return decode(entries[-1].topic, entries[-1].body) if entries else None


def values(release: Release, name: str) -> Any:
    """Return a collector's last values, if all of them are known."""
    reading = last(release, f"reading.{name}")
    return reading and None not in reading.values.values() and reading.values


def faults(release: Release, name: str) -> list[str]:
    return [decode(entry.topic, entry.body).state for entry in release.journal(f"fault.collectors.{name}")]  # type: ignore[union-attr]


def chip(release: Release, address: str) -> Any:
    return next(chip for chip in simulate(release, op="chips")["chips"] if chip["address"] == address)


def test_they_measure_beside_others_on_the_bus_and_one_asks_another(release: Release) -> None:
    for name in ("climate", "gas", "bathroom"):
        release.start("picket_collectors", name, name=name)
    stop, errors = threading.Event(), []

    def keep_the_bus_busy() -> None:
        bus = open_bus(f"sim://127.0.0.1:{release.config.simulator.bus_port}", 10)
        while not stop.wait(0.001):
            bus.write_byte_data(0x20, 0x14, 0x55)
            errors.extend([] if bus.read_byte_data(0x20, 0x14) == 0x55 else ["expander"])

    neighbour = threading.Thread(target=keep_the_bus_busy)
    neighbour.start()
    try:
        climate, bathroom, gas = (
            wait_for(name, lambda name=name: values(release, name), PATIENCE_SECONDS)
            for name in ("climate", "bathroom", "gas")
        )
        wait_for("the humidity", lambda: chip(release, "0x58")["registers"]["HUMIDITY"] != 0x0B92, PATIENCE_SECONDS)
    finally:
        stop.set()
        neighbour.join()

    assert 15 < climate["temperature_c"] < 27
    assert climate["pressure_hpa"] == pytest.approx(1013, abs=10)
    assert bathroom["temperature_c"] == pytest.approx(climate["temperature_c"], abs=0.5)
    assert 400 <= gas["eco2_ppm"] < 1000 and gas["tvoc_ppb"] > 0  # while it warms up, it says 400 and 0
    assert errors == []
    assert [faults(release, name) for name in ("climate", "gas", "bathroom")] == [[], [], []]


def test_a_sensor_that_falls_silent_is_said_once_and_once_that_it_is_back(release: Release) -> None:
    release.start("picket_collectors", "climate", name="climate")
    release.start("picket_collectors", "bathroom", name="bathroom")
    wait_for("readings", lambda: values(release, "climate") and values(release, "bathroom"), PATIENCE_SECONDS)

    simulate(release, op="fault", target="0x76", fault="nack")
    simulate(release, op="fault", target="bathroom", fault="silent")

    wait_for("the faults", lambda: [faults(release, n) for n in ("climate", "bathroom")] == [["begin"]] * 2, 120)
    texts = [last(release, f"fault.collectors.{name}").text for name in ("climate", "bathroom")]
    simulate(release, op="fault", target="0x76", fault="clear")
    simulate(release, op="fault", target="bathroom", fault="clear")
    wait_for(
        "their return", lambda: [faults(release, n) for n in ("climate", "bathroom")] == [["begin", "end"]] * 2, 120
    )
    assert texts == [
        "0x76 does not acknowledge (Remote I/O error)",
        "6 reads gave nothing to believe; the last: Input/output error",
    ]


def test_a_brown_out_costs_no_reading(release: Release) -> None:
    release.start("picket_collectors", "climate", name="climate")
    wait_for("readings", lambda: values(release, "climate"), PATIENCE_SECONDS)

    simulate(release, op="fault", target="0x76", fault="brownout")

    wait_for("the chip", lambda: chip(release, "0x76")["registers"]["CTRL_HUM"] == 1)
    before = len(release.journal("reading.climate"))
    wait_for("readings", lambda: len(release.journal("reading.climate")) > before + 1, PATIENCE_SECONDS)
    assert faults(release, "climate") == []


def test_without_a_bus_that_is_said_and_mended_when_it_comes(release: Release) -> None:
    release.kill("picket_simulator")
    release.start("picket_collectors", "climate", name="climate")
    wait_for("the fault", lambda: faults(release, "climate") == ["begin"], PATIENCE_SECONDS)

    release.start("picket_simulator")

    wait_for("readings", lambda: values(release, "climate"), PATIENCE_SECONDS)
    with pytest.raises(SimulatorError, match="expected one of 0x20, 0x21, 0x76, 0x58, bathroom, got climate"):
        simulate(release, op="fault", target="climate", fault="nack")
