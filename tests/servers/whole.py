"""The whole release as `make run` starts it, on ports and in a folder of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
PORTS = (
    "MQTT_PORT",
    "PICKET__HUB__INGEST_PORT",
    "PICKET__HUB__LIVE_PORT",
    "PICKET__HUB__REQUEST_PORT",
    "PICKET__SIMULATOR__BUS_PORT",
    "PICKET__SIMULATOR__CONTROL_PORT",
    "PICKET__SIMULATOR__UPS_PORT",
    "PICKET__SIMULATOR__PLUG_PORT",
    "PICKET__SIMULATOR__WEB_PORT",
)
# Where the demo asks the simulator, as the configuration has it.
ASKED = {
    "sim://127.0.0.1:7701": "PICKET__SIMULATOR__BUS_PORT",
    "port: 7703": "PICKET__SIMULATOR__UPS_PORT",
    "port: 7704": "PICKET__SIMULATOR__PLUG_PORT",
    "http://127.0.0.1:7705": "PICKET__SIMULATOR__WEB_PORT",
}
START_SECONDS = 300.0  # a dozen processes, on a machine that may have others to start
STOP_SECONDS = 120.0


def last_levels(history: str, output: str, count: int) -> list[tuple[float, str]]:
    """Read them from what `picket simulate chips --json --history` prints."""
    chips: list[dict[str, Any]] = json.loads(history)
    levels = next(chip["levels"][output] for chip in chips if output in chip.get("levels", {}))
    return [(change["seconds"], change["level"]) for change in levels[-count:]]


class Whole:
    """`picket run` with the demo configuration."""

    def __init__(self, folder: Path, **environment: str) -> None:
        """Take over config/ and choose free ports; nothing runs yet."""
        self.folder = folder
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        shutil.copytree(ROOT / "config", folder / "config")
        file = folder / "config" / "picket.yaml"
        text = file.read_text()
        for place, variable in ASKED.items():
            text = text.replace(place, place[:-4] + ports[variable])
        file.write_text(text)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PICKET", "MQTT_", "INFLUX_", "RSYSLOG_"))}
        self.environment = {**kept, **ports, **environment}
        self.mqtt_port = int(self.environment["MQTT_PORT"])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Observer:
        """Start the release, wait until it is online, and return an observer at its broker."""
        with (self.folder / "run.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command("run"), cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        observer = Observer(self.mqtt_port)
        try:
            observer.wait("picket/demo/status", "online", START_SECONDS)
            observer.wait("picket/demo/input/hall/zone", "normal")
            observer.wait("picket/demo/output/door/state", "OFF")
        except BaseException:
            observer.close()
            self.stop()
            raise
        return observer

    def command(self, *words: str) -> list[str]:
        """Return `picket words...` as an argument vector."""
        return [sys.executable, "-c", "from picket.cli import main; main()", *words]

    def run(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run a `picket` command."""
        return subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    def picket(self, *words: str) -> str:
        """Run a `picket` command until whom it asks is there, and return what it prints."""
        tries: list[subprocess.CompletedProcess[str]] = []

        def goes_well() -> bool:
            tries.append(self.run(*words))
            return tries[-1].returncode == 0

        wait_for(f"picket {' '.join(words)}", goes_well, tail=lambda: tries[-1].stdout + tries[-1].stderr)
        return tries[-1].stdout

    def supervisor(self, *words: str) -> str:
        """Run a supervisorctl command."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", "var/supervisord.conf", *words]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        ).stdout

    def pid(self, program: str) -> int:
        """Return the process id of a program; 0 when it does not run."""
        name = f"collectors:{program}" if program.startswith("collectors.") else program
        text = self.supervisor("pid", name).strip()
        return int(text) if text.isdigit() else 0

    def kill(self, program: str) -> None:
        """Kill a program with SIGKILL and wait until another process stands in its place."""
        old = self.pid(program)
        os.kill(old, signal.SIGKILL)
        wait_for(f"another {program}", lambda: self.pid(program) not in (0, old))

    def pin(self, output: str) -> str:
        """Return the level of an output's pin, as the simulated chip drives it."""
        chips: list[dict[str, Any]] = json.loads(self.picket("simulate", "chips", "--json"))
        return next(str(chip["outputs"][output]["level"]) for chip in chips if output in chip.get("outputs", {}))

    def last_levels(self, output: str, count: int) -> list[tuple[float, str]]:
        """Return the last levels of an output's pin and since when, in seconds of the chip's own clock."""
        return last_levels(self.picket("simulate", "chips", "--json", "--history"), output, count)

    def journal(self, topic: str) -> list[Any]:
        """Return the journalled messages of a topic."""
        return [json.loads(line) for line in self.picket("journal", topic, "--json").splitlines()]

    def state(self, name: str) -> tuple[str, str]:
        """Return an input's last journalled motion and zone."""
        last = self.journal(f"input.state.{name}")[-1]
        return last["motion"], last["zone"]

    def stop(self) -> int:
        """Stop the release as Ctrl-C would, and return supervisord's exit code."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.terminate()
        try:
            return process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
