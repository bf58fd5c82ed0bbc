"""`picket run`: the whole release on this machine under one supervisord; simulator and broker where they are needed."""

import argparse
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from picket.config import Loaded, load_with_origins
from picket_base.broker import broker
from picket_base.programs import CONSOLE, SIMULATOR, Program, StartError, played_ports, python, services, simulated
from picket_base.rsyslog import forwarder
from picket_base.supervisord import command, render

HELP = "run the whole release on this machine, simulator and broker included (Ctrl-C stops it)"


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Declare the arguments: there are none."""


def run(_arguments: argparse.Namespace) -> NoReturn:
    """Check what can be checked beforehand, say what runs where, and become supervisord."""
    loaded = load_with_origins(collectors=True)
    config = loaded.config
    folder = Path(config.data_dir).absolute()
    try:
        for part in (folder / "log", folder / "sim"):
            part.mkdir(parents=True, exist_ok=True)
        file = folder / "supervisord.conf"
        refuse_a_second(folder)
        check_ports(loaded)
        programs = plan(loaded, folder)
        file.write_text(render(programs, folder))
    except OSError as error:
        raise StartError(f"{error.filename or folder}: {error.strerror}") from error
    print(banner(loaded, programs, folder), flush=True)  # noqa: T201
    os.execv(sys.executable, command(file))


def plan(loaded: Loaded, folder: Path) -> list[Program]:
    """Return all programs for a configuration; raises StartError for one that is not installed."""
    config = loaded.config
    programs = [*forwarder(config, folder), *services(config)]
    if simulated(config):
        programs.append(python("simulator", "picket_simulator", priority=SIMULATOR))
    if has_own_broker(loaded):
        programs.append(broker(config.mqtt.port, folder))
    programs.append(python("console", "picket_base.console", priority=CONSOLE, own_log=False))
    return sorted(programs, key=lambda program: program.priority)


def has_own_broker(loaded: Loaded) -> bool:
    """Tell whether no broker was named, so that one is started here."""
    return ("mqtt", "host") not in loaded.places


def refuse_a_second(folder: Path) -> None:
    """Raise StartError when a release runs in this folder already."""
    with suppress(OSError, ValueError):
        number = int((folder / "supervisord.pid").read_text())
        if b"supervisor" in Path(f"/proc/{number}/cmdline").read_bytes():
            raise StartError(f"runs already here as process {number} (data folder {folder})")


def check_ports(loaded: Loaded) -> None:
    """Raise StartError for the first port that is taken, and say how to choose another."""
    config = loaded.config
    wanted = [
        (config.hub.ingest_port, "the hub", "PICKET__HUB__INGEST_PORT"),
        (config.hub.live_port, "the hub", "PICKET__HUB__LIVE_PORT"),
        (config.hub.request_port, "the hub", "PICKET__HUB__REQUEST_PORT"),
    ]
    if simulated(config):
        wanted += [
            (config.simulator.bus_port, "the simulator", "PICKET__SIMULATOR__BUS_PORT"),
            (config.simulator.control_port, "the simulator", "PICKET__SIMULATOR__CONTROL_PORT"),
        ]
    for key in ("ups_port", "plug_port", "web_port"):
        if (port := getattr(config.simulator, key)) in played_ports(config):
            wanted.append(
                (port, "the simulator", f"PICKET__SIMULATOR__{key.upper()}, and the collector that asks there")
            )
    if has_own_broker(loaded):
        wanted.append((config.mqtt.port, "MQTT", "MQTT_PORT, or use the broker there with MQTT_HOST=127.0.0.1"))
    for port, whose, variable in wanted:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise StartError(f"port {port} ({whose}) is taken: set {variable}") from error


def banner(loaded: Loaded, programs: list[Program], folder: Path) -> str:
    """Return what a person wants to know first."""
    config = loaded.config
    rows = [
        ("device", f"{config.device}  (configuration {loaded.digest()})"),
        ("MQTT", f"{config.mqtt.host}:{config.mqtt.port}  topics {config.mqtt.root}/{config.device}/#"),
        ("inputs", ", ".join(config.inputs) or "none"),
        ("outputs", ", ".join(config.outputs) or "none"),
        ("InfluxDB", config.recorder.url or "at rest (INFLUX_URL)"),
        ("logs", f"{folder.name}/log" + (f", and to {config.rsyslog_server}" if config.rsyslog_server else "")),
        ("processes", ", ".join(program.name for program in programs)),
        ("data", str(folder)),
        ("try", "picket simulate walk hall   picket watch   picket doctor   picket simulate chips"),
    ]
    return "Picket runs on this machine; Ctrl-C stops it.\n" + "\n".join(f"  {name:10} {text}" for name, text in rows)
