from pathlib import Path
from typing import Any

import pytest

from picket.config import Config
from picket.config.schema import AdcBoard, Hub
from picket_base.contents import everything
from picket_base.programs import played_ports, services, simulated


def config(**sections: object) -> Config:
    return Config(device="demo", **sections)  # type: ignore[arg-type]


def test_each_collector_is_a_process_of_its_own() -> None:
    programs = services(config(collectors={"air": {"kind": "sds011"}, "host": {"kind": "host"}}))

    commands = {program.name: program.command[1:] for program in programs}
    assert commands["collectors.air"] == ("-m", "picket_collectors", "air")
    assert commands["collectors.host"] == ("-m", "picket_collectors", "host")


def test_the_guard_stops_first_and_the_hub_last_of_the_services() -> None:
    order = sorted(services(config(hub=Hub())), key=lambda program: program.priority)

    assert (order[0].name, order[-1].name) == ("hub", "relay")
    assert [p.name for p in order].index("gateway") < [p.name for p in order].index("gpio-input")


def test_the_guards_watcher_starts_before_it_and_stops_after_it_in_the_same_data_folder() -> None:
    programs = {program.name: program for program in services(config(data_dir="/data"))}

    assert programs["relay-watcher"].priority < programs["relay"].priority
    assert programs["relay-watcher"].command[1:] == ("-m", "picket_relay.watcher", "/data")


def test_the_simulator_runs_only_where_something_needs_it() -> None:
    real = config(adc_boards={"main": AdcBoard(bus="/dev/i2c-1")})
    played = config(adc_boards={"main": AdcBoard(bus="sim://127.0.0.1:7701")})
    dust = config(collectors={"air": {"kind": "sds011", "port": "var/sim/air"}})
    weather = config(collectors={"climate": {"kind": "bme280", "bus": "sim://127.0.0.1:7701"}})
    bathroom = config(collectors={"bathroom": {"kind": "dht22", "sysfs": "var/sim/sys"}})
    nodes = config(collectors={"nodes": {"kind": "nodes", "base_topic": "sim/node"}})

    assert [simulated(one) for one in (real, played, dust, weather, bathroom, nodes)] == [
        False,
        True,
        True,
        True,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("collector", "ports"),
    [
        pytest.param({"kind": "nut", "ups": "demo", "port": 7703}, {7703}, id="a-ups"),
        pytest.param({"kind": "http", "url": "http://127.0.0.1:7705/v1"}, {7705}, id="the-weather"),
        pytest.param({"kind": "nut", "ups": "eaton", "host": "nas"}, set(), id="a-real-ups"),
        pytest.param({"kind": "http", "url": "https://api.open-meteo.com/v1"}, set(), id="a-real-service"),
    ],
)
def test_the_simulator_is_asked_at_its_own_ports(collector: dict[str, Any], ports: set[int]) -> None:
    asking = config(collectors={"one": collector})

    assert (simulated(asking), played_ports(asking)) == (bool(ports), ports)


def test_every_service_folder_is_among_the_processes() -> None:
    folders = {folder.name for folder in (Path(__file__).parents[2] / "services").iterdir() if folder.is_dir()}

    modules = {
        program.command[2].split(".")[0] for program in everything(config(collectors={"host": {"kind": "host"}}))
    }

    assert modules == {f"picket_{folder.replace('-', '_')}" for folder in folders}


@pytest.mark.parametrize(
    ("port", "installed", "runs"),
    [
        pytest.param(7704, True, True, id="of-the-demo"),
        pytest.param(7704, False, False, id="of-the-demo-without-the-library"),
        pytest.param(None, False, True, id="real-without-the-library"),
    ],
)
def test_the_demos_plugs_are_left_out_where_their_library_is(
    port: int | None, installed: bool, runs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("picket_base.programs.find_spec", lambda _name: installed or None)
    power = {"kind": "kasa", "plugs": {"heater": {"host": "127.0.0.1", "port": port}}}

    programs = services(config(collectors={"power": power}))

    assert ("collectors.power" in {program.name for program in programs}) is runs
    assert simulated(config(collectors={"power": power})) is (port == 7704)
