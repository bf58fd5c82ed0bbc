"""Kasa plugs beside python-kasa's own ways: its command line, its devices, what real plugs have told its authors."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from kasa import Credentials, Device, DeviceConfig, DeviceConnectionParameters, EmeterStatus, Module

from picket.messages import Fault, Reading, decode
from picket_collectors.plug import KLAP_1, KLAP_2, XOR
from picket_collectors.plug_answers import meters, outlets, plug_answer, smart_answer
from picket_collectors.source import Site
from picket_collectors.sources.kasa import Config, PlugConfig, open_source
from picket_simulator.kasa_plug import KasaPlug
from picket_simulator.plug_server import PlugServer, Speaks
from tests.servers.release import Release
from tests.servers.waiting import wait_for

ACCOUNT = {"username": "someone@example.org", "password": "hunter2"}
SPEAKS: list[Speaks] = ["XOR", "KLAP 1", "KLAP 2"]


class SteadyPlug(KasaPlug):
    """A plug that draws the same all the time."""

    def power_w(self, _now: float) -> float:
        return 48.7

    def _realtime(self, now: float) -> dict[str, Any]:
        return super()._realtime(now) | {"voltage_mv": 230_120, "current_ma": 212, "total_wh": 12_345}


@pytest.fixture(params=SPEAKS)
def plug(request: pytest.FixtureRequest) -> Iterator[PlugServer]:
    with PlugServer("127.0.0.1", 0, SteadyPlug("rack", "50:C7:BF:00:00:01", 50), request.param, **ACCOUNT) as plug:
        yield plug


# The simulated plug, as the library's own command line and devices see it


def command_line(plug: PlugServer, *words: str, password: str = "hunter2") -> "subprocess.CompletedProcess[str]":
    """Run `kasa` against a plug."""
    kind = ["--type", "plug"]
    if plug.speaks != "XOR":
        login = ["--login-version", plug.speaks[-1], "--username", ACCOUNT["username"], "--password", password]
        kind = ["--device-family", "IOT.SMARTPLUGSWITCH", "--encrypt-type", "KLAP", *login]
    command = [sys.executable, "-m", "kasa.cli", "--host", plug.host, "--port", str(plug.port), *kind, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)


@pytest.mark.slow
def test_the_command_line_reads_and_switches_a_simulated_plug(plug: PlugServer) -> None:
    energy = command_line(plug, "energy")
    off = command_line(plug, "off")

    assert energy.returncode == 0, energy.stderr
    for line in ("Current: 0.212 A", "Voltage: 230.12 V", "Power: 48.7 W", "Total consumption: 12.345 kWh"):
        assert line in energy.stdout
    assert off.returncode == 0, off.stderr
    assert isinstance(plug.device, KasaPlug)
    assert not plug.device.on


@pytest.mark.slow
@pytest.mark.parametrize("plug", ["KLAP 1", "KLAP 2"], indirect=True)
def test_the_command_line_gets_nowhere_with_a_wrong_password(plug: PlugServer) -> None:
    done = command_line(plug, "energy", password="wrong")

    assert done.returncode == 1
    assert "did not match our challenge" in done.stdout + done.stderr


def test_a_collector_reads_what_the_librarys_own_devices_read(plug: PlugServer, site: Site) -> None:
    config = Config(plugs={"rack": PlugConfig(plug.host, plug.port)}, **ACCOUNT)  # type: ignore[arg-type]

    with closing(open_source(config, site)) as plugs:
        (part,) = plugs.sample()
    theirs = asyncio.run(as_the_library_reads(plug))

    assert part.values == pytest.approx(theirs)


async def as_the_library_reads(plug: PlugServer) -> dict[str, Any]:
    family, encryption, login = {"XOR": XOR, "KLAP 1": KLAP_1, "KLAP 2": KLAP_2}[plug.speaks]
    device = await Device.connect(
        config=DeviceConfig(
            plug.host,
            port_override=plug.port,
            credentials=Credentials(**ACCOUNT),
            connection_type=DeviceConnectionParameters.from_values(family, encryption, login_version=login),
        )
    )
    try:
        energy = device.modules[Module.Energy]
        return {
            "on": float(device.is_on),
            "signal_strength_dbm": device.rssi,
            "power_w": energy.current_consumption,
            "voltage_v": energy.voltage,
            "current_a": energy.current,
            "energy_wh": energy.consumption_total * 1000,
        }
    finally:
        await device.disconnect()


# What real plugs have told its authors: read here, since its licence is another, never copied


@pytest.fixture(scope="module")
def recordings() -> dict[str, Any]:
    """Return what the tests of python-kasa hold of real devices, by file."""
    release = f"python_kasa-{version('python-kasa')}"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "picket" / "python-kasa"
    archive = cache / f"{release}.tar.gz"
    if not archive.exists():
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--no-binary", ":all:", "--dest", cache]
        subprocess.run([*command, f"python-kasa=={version('python-kasa')}"], check=False, capture_output=True)
    if not archive.exists():
        pytest.skip(f"{archive.name} can't be had here")
    with tarfile.open(archive) as tar:
        return {
            member.name.split("fixtures/")[1]: json.loads(file.read())
            for member in tar
            if re.search(r"tests/fixtures/(iot|smart)/[^/]+\.json$", member.name) and (file := tar.extractfile(member))
        }


@pytest.mark.slow
def test_what_real_plugs_say_is_read_as_the_library_reads_it(recordings: dict[str, Any]) -> None:
    read = 0
    for name, said in recordings.items():
        if not re.match(r"iot/(HS1|KP1|EP1|EP2)", name):
            continue
        if outlets(said):
            continue
        mac, values, _ = plug_answer(said, [said] * len(meters(said)))
        info, theirs = said["system"]["get_sysinfo"], EmeterStatus(said.get("emeter", {}).get("get_realtime", {}))

        assert len(mac) == 12, name
        assert (values["on"], values["signal_strength_dbm"]) == (info["relay_state"], info["rssi"]), name
        if "ENE" in info["feature"]:
            total = None if theirs.total is None else theirs.total * 1000
            ours = [values[key] for key in ("power_w", "voltage_v", "current_a", "energy_wh")]
            assert ours == pytest.approx([theirs.power, theirs.voltage, theirs.current, total]), name
            read += 1
    assert read >= 5


@pytest.mark.slow
def test_what_real_strips_say_is_read_outlet_by_outlet(recordings: dict[str, Any]) -> None:
    strips = [said for name, said in recordings.items() if re.match(r"iot/(HS107|HS300|KP2|KP3|KP4|EP40)", name)]
    strips = [said for said in strips if said["system"]["get_sysinfo"].get("children")]

    for said in strips:
        _, values, each = plug_answer(said, [said] * len(meters(said)))

        states = [child["state"] for child in said["system"]["get_sysinfo"]["children"]]
        assert [outlet["on"] for outlet in each] == states
        assert values["on"] == max(states)
    assert len(strips) >= 8


@pytest.mark.slow
def test_what_real_smart_plugs_say_is_read_as_the_library_reads_it(recordings: dict[str, Any]) -> None:
    read = 0
    for name, said in recordings.items():
        if "device_on" not in said.get("get_device_info", {}):
            continue
        mac, values, _ = smart_answer(said)
        usage, meter = said.get("get_energy_usage"), said.get("get_emeter_data")

        assert len(mac) == 12, name
        assert values["on"] == said["get_device_info"]["device_on"], name
        if isinstance(meter, dict):
            theirs = EmeterStatus(meter)
            ours = [values[key] for key in ("power_w", "voltage_v", "current_a")]
            assert ours == pytest.approx([theirs.power, theirs.voltage, theirs.current]), name
        elif isinstance(usage, dict):
            assert values["power_w"] == pytest.approx(usage["current_power"] / 1000), name
        if isinstance(usage, dict):
            assert values["energy_today_wh"] == usage["today_energy"], name
            read += 1
    assert read >= 5


# A process of its own


@pytest.fixture
def release(tmp_path: Path, plug: PlugServer) -> Iterator[Release]:
    plugs = {"rack": {"host": plug.host, "port": plug.port}}
    power = {"kind": "kasa", "interval_seconds": 5, "username": ACCOUNT["username"], "plugs": plugs}
    with Release(tmp_path, collectors={"power": power}) as release:
        release.environment["PICKET__COLLECTORS__POWER__PASSWORD"] = "hunter2"
        release.start_hub()
        yield release


@pytest.mark.slow
def test_readings_and_faults_of_plugs_reach_the_journal_and_the_password_nothing(
    release: Release, plug: PlugServer
) -> None:
    def journalled(topic: str) -> list[Any]:
        return [decode(entry.topic, entry.body) for entry in release.journal(topic)]

    collector = release.start("picket_collectors", "power", name="power")
    reading: Reading = wait_for("a reading", lambda: journalled("reading.power_rack"), 90)[0]
    plug.fault("unplug")
    fault: Fault = wait_for("the fault", lambda: journalled("fault.collectors.power"), 90)[0]
    plug.fault("clear")
    wait_for("the end of it", lambda: journalled("fault.collectors.power")[1:], 90)
    collector.terminate()

    assert collector.wait(timeout=60) == 0
    assert reading.kind == "plug"
    assert reading.values["power_w"] == 48.7
    assert (fault.subject, fault.state) == ("rack", "begin")
    assert "127.0.0.1: " in fault.text
    everything = release.log("power") + str(release.journal())
    assert "hunter2" not in everything
