"""Serial sensors end to end: a collector's process, a hub, and a sensor on a pty whose cable is pulled."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from picket.messages import decode
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011
from picket_simulator.serial_port import SerialPort
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_SECONDS = 120.0
WARM_UP_SECONDS = 4

# The program of a collector, but that its adapters are plugged in under another folder than /dev.
ELSEWHERE = """
import runpy
from functools import partial
from pathlib import Path
from picket_collectors import collector
collector.Site = partial(collector.Site, devices=Path("dev").absolute())
runpy.run_module("picket_collectors", run_name="__main__", alter_sys=True)
"""


def release_of(folder: Path, dust: str, co2: str, air: str) -> Release:
    """Return a release with each serial sensor on a port."""
    often = {"interval_seconds": 5, "warm_up_seconds": 0}
    (folder / "elsewhere.py").write_text(ELSEWHERE)
    return Release(
        folder,
        collectors={
            "dust": {"kind": "pms5003", "port": dust, **often},
            "co2": {"kind": "mhz19b", "port": co2, "interval_seconds": 5, "warm_up_seconds": WARM_UP_SECONDS},
            "air": {"kind": "sds011", "port": air, **often},
        },
    )


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Release]:
    """A hub that runs, and collectors with ports by name."""
    with release_of(tmp_path, *(str(tmp_path / "dev" / name) for name in ("dust", "co2", "air"))) as release:
        release.start_hub()
        yield release


@pytest.fixture
def auto(tmp_path: Path) -> Iterator[Release]:
    """A hub that runs, and collectors that look for their ports."""
    with release_of(tmp_path, "auto", "auto", "auto") as release:
        release.start_hub()
        yield release


def collect(release: Release, name: str) -> "subprocess.Popen[bytes]":
    return release.start("elsewhere", name, name=name)


def journalled(release: Release, topic: str) -> list[Any]:
    return [decode(entry.topic, entry.body) for entry in release.journal(topic)]


def values(release: Release, name: str) -> list[Any]:
    """Return what a collector has published, but for what it did not know."""
    known = [reading.values for reading in journalled(release, f"reading.{name}")]
    return [values for values in known if None not in values.values()]


def faults(release: Release, name: str) -> list[str]:
    """Return when its source began to fail, and ceased to."""
    return [fault.state for fault in journalled(release, f"fault.collectors.{name}") if fault.subject == "source"]


def test_each_fails_in_its_way_and_comes_back(named: Release) -> None:
    sensors = {"dust": Pms5003(), "co2": Mhz19b(warm_up_seconds=2), "air": Sds011()}
    measured = {"dust": ("pm2_5_ug_m3", 9), "co2": ("co2_ppm", 636), "air": ("pm2_5_ug_m3", 8.5)}
    with ExitStack() as plugged:
        ports = {
            name: plugged.enter_context(SerialPort(sensor, named.folder / "dev" / name))
            for name, sensor in sensors.items()
        }
        for name in ports:
            collect(named, name)
        wait_for("readings", lambda: all(values(named, name) for name in ports), PATIENCE_SECONDS)

        for port, fault in zip(ports.values(), ("silent", "garbage", "unplug"), strict=True):
            port.fault(fault)
        wait_for("the losses", lambda: all(faults(named, name)[-1:] == ["begin"] for name in ports), PATIENCE_SECONDS)
        before = {name: len(values(named, name)) for name in ports}
        for port in ports.values():
            port.fault("clear")
        wait_for(
            "readings after it",
            lambda: all(len(values(named, name)) > before[name] for name in ports),
            PATIENCE_SECONDS,
        )

        for name, (quantity, value) in measured.items():
            told = faults(named, name)
            assert told == ["begin", "end"] * (len(told) // 2)
            assert {reading[quantity] for reading in values(named, name)} == {value}


def test_three_look_for_their_ports_at_once_and_one_is_plugged_elsewhere(auto: Release) -> None:
    devices = auto.folder / "dev"
    with ExitStack() as plugged:
        sensors = {"ttyUSB0": Mhz19b(warm_up_seconds=0), "ttyUSB1": Pms5003(), "ttyUSB2": Sds011()}
        ports = {name: plugged.enter_context(SerialPort(sensor, devices / name)) for name, sensor in sensors.items()}
        for name in ("dust", "co2", "air"):
            collect(auto, name)
        for name in ("dust", "co2", "air"):
            wait_for(f"the readings of {name}", lambda name=name: values(auto, name), PATIENCE_SECONDS)

        ports["ttyUSB1"].fault("unplug")
        wait_for("the loss", lambda: faults(auto, "dust")[-1:] == ["begin"], PATIENCE_SECONDS)
        before = len(values(auto, "dust"))
        plugged.enter_context(SerialPort(Pms5003(), devices / "ttyUSB7"))

        wait_for("dust again", lambda: len(values(auto, "dust")) > before, PATIENCE_SECONDS)
        assert "dust is on" in auto.log("dust")
        assert "ttyUSB7" in auto.log("dust")


def test_carbon_dioxide_is_known_at_once_after_a_restart_but_not_after_a_loss_of_power(named: Release) -> None:
    def all_readings() -> list[Any]:
        return [reading.values["co2_ppm"] for reading in journalled(named, "reading.co2")]

    with SerialPort(Mhz19b(warm_up_seconds=0), named.folder / "dev" / "co2") as port:
        collect(named, "co2")
        wait_for("carbon dioxide", lambda: values(named, "co2"), PATIENCE_SECONDS)
        assert all_readings()[0] is None
        named.kill("co2")
        at_the_kill = len(all_readings())

        collect(named, "co2")
        wait_for("a reading", lambda: len(all_readings()) > at_the_kill, PATIENCE_SECONDS)
        assert all_readings()[at_the_kill] == 636

        port.fault("unplug")
        wait_for("the loss", lambda: faults(named, "co2")[-1:] == ["begin"], PATIENCE_SECONDS)
        at_the_loss = len(all_readings())
        port.fault("clear")
        wait_for("a reading", lambda: len(all_readings()) > at_the_loss, PATIENCE_SECONDS)
        assert all_readings()[at_the_loss] is None
