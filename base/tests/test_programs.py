from pathlib import Path

from picket.config import Config
from picket.config.schema import AdcBoard, Hub
from picket_base.contents import everything
from picket_base.programs import services, simulated


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

    assert [simulated(one) for one in (real, played, dust)] == [False, True, True]


def test_every_service_folder_is_among_the_processes() -> None:
    folders = {folder.name for folder in (Path(__file__).parents[2] / "services").iterdir() if folder.is_dir()}

    modules = {
        program.command[2].split(".")[0] for program in everything(config(collectors={"host": {"kind": "host"}}))
    }

    assert modules == {f"picket_{folder.replace('-', '_')}" for folder in folders}
