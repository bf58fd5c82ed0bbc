"""The output guard among those it depends on, under supervisord; chips and broker are elsewhere and outlive them."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from picket_base.broker import broker
from picket_base.programs import services
from picket_base.supervisord import render
from picket_simulator.command import ask
from tests.servers.mqtt import Observer
from tests.servers.release import Release
from tests.servers.waiting import wait_for
from tests.servers.whole import ROOT, START_SECONDS

MODULES = {
    "hub": "picket_hub",
    "gateway": "picket_gateway",
    "relay-watcher": "picket_relay.watcher",
    "relay": "tests.servers.stepping_relay",
}
PROGRAMS = tuple(MODULES)
CHIP = "0x20"
CONFIGURATION = """
io_boards: {main: {bus: "BUS", addresses: [0x20]}}
interlocks: {gate: {dead_time_seconds: 0.1}}
relay: {hub_lost_seconds: 10, updates_lock_file: "LOCK"}
outputs:
  opening: {pin: 1, max_on_seconds: 10, interlock: gate}
  closing: {pin: 9, max_on_seconds: 10, interlock: gate}  # on the other port: it is written a byte later
  horn: {pin: 2, active_low: true}
"""
PINS = {"opening": (0, 0, False), "closing": (1, 0, False), "horn": (0, 1, True)}  # port, bit, active low
LOST_SECONDS = 6.0  # after which the guard does not act on a command: the gateway waits no longer for its answer
POWER_ON = {"IODIRA": 0xFF, "IODIRB": 0xFF, "OLATA": 0, "OLATB": 0}


class Command(NamedTuple):
    """A pulse that was asked for, and when (monotonic)."""

    id: str
    output: str
    seconds: float
    at: float


class Span(NamedTuple):
    """An output that was on."""

    output: str
    begin: float
    end: float


class Guarded(Release):
    """A release of what a pulse passes through."""

    def __init__(self, folder: Path, *, data_dir: Path | None = None, **environment: str) -> None:
        """Write the configuration; nothing runs yet."""
        data = data_dir or folder / "data"
        extra = CONFIGURATION.replace("LOCK", str(folder / "updates.lock"))
        super().__init__(folder, extra, data_dir=str(data))
        data.mkdir(exist_ok=True)
        self.data = data
        self.stop_at_file = folder / "stop-at"
        self.commands: list[Command] = []
        self.environment |= {"PYTHONPATH": str(ROOT), "STOP_AT_FILE": str(self.stop_at_file), **environment}
        self._numbers = itertools.count(1)
        self._starved_at_rest = 0.0
        self._observer: Observer | None = None

    @property
    def observer(self) -> Observer:
        """Who listens at the broker."""
        assert self._observer
        return self._observer

    def start_all(self) -> None:
        """Start chips and broker, then the supervised, and wait until a pulse works."""
        self.start("picket_simulator")
        with (self.folder / "broker.log").open("ab") as log:
            command = broker(self.mqtt_port, self.folder).command
            self.processes["broker"] = subprocess.Popen(command, stdout=log, stderr=log)
        self._observer = Observer(self.mqtt_port, "picket/test/#")
        self.start_supervised()
        self.observer.wait("picket/test/status", "online", START_SECONDS)
        self.works()

    def start_supervised(self) -> None:
        """Start supervisord with its programs; the guard is one that can be stopped at a step."""
        (self.folder / "log").mkdir(exist_ok=True)
        programs = [program for program in services(self.config) if program.name in PROGRAMS]
        stepping = (sys.executable, "-m", MODULES["relay"])
        programs = [p._replace(command=stepping) if p.name == "relay" else p for p in programs]
        file = self.folder / "supervisord.conf"
        file.write_text(render(programs, self.folder))
        self.start("picket_base.supervise", "-c", str(file), name="supervisord")

    def pid(self, program: str) -> int:
        """Return a program's process id, 0 when it does not run; supervisord itself need not answer for it."""
        if "supervisord" not in self.processes:
            return 0
        supervisord = self.processes["supervisord"].pid
        if program == "supervisord":
            return supervisord
        with suppress(OSError):
            children = Path(f"/proc/{supervisord}/task/{supervisord}/children").read_text().split()
            for number in map(int, children):
                words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
                if MODULES[program].encode() in words and state_of(number) not in "ZX":
                    return number
        return 0

    def running(self, program: str) -> int:
        """Return a program's process id as soon as it runs: 0 is no process, but for `kill` a whole group."""
        return wait_for(program, lambda: self.pid(program))

    def pulse(self, output: str, seconds: float) -> Command:
        """Ask for a pulse by MQTT."""
        command = Command(f"c{next(self._numbers)}", output, seconds, time.monotonic())
        self.commands.append(command)
        self.send(command)
        return command

    def send(self, command: Command) -> None:
        """Send a command, once more if it was sent before."""
        wish = {"state": "ON", "seconds": command.seconds, "id": command.id}
        self.observer.publish(f"picket/test/output/{command.output}/set", json.dumps(wish))

    def results(self, command: Command) -> list[Any]:
        """Return what was answered to a command."""
        heard = [message.json for message in self.observer.on(f"picket/test/output/{command.output}/result")]
        return [result for result in heard if result["id"] == command.id]

    def works(self) -> None:
        """Wait until all that is supervised runs and a pulse is accepted, driven and over."""
        asked = [self.pulse("horn", 0.1)]

        def accepted() -> bool:
            if any(result["accepted"] for command in asked for result in self.results(command)):
                return True
            if self.results(asked[-1]) or time.monotonic() > asked[-1].at + 2:
                asked.append(self.pulse("horn", 0.1))
            return False

        wait_for("a pulse that works", accepted, START_SECONDS, tail=self.tail)
        wait_for("the pulse's end", lambda: not self.on_now())

    def at_rest(self) -> float:
        """Wait until no command is on its way any more, and return when that was (monotonic)."""

        def rests() -> bool:
            over = (self.results(command) or time.monotonic() > command.at + LOST_SECONDS for command in self.commands)
            return all(over) and not self.on_now()

        wait_for("the commands' results", rests)
        self._starved_at_rest = starved_seconds()
        return time.monotonic()

    def starved_seconds(self) -> float:
        """Return for how long, since it was at rest, some process of the machine has waited for a processor."""
        return starved_seconds() - self._starved_at_rest

    def ask_chip(self) -> Any:
        """Return the chip as the simulator describes it, with its history."""
        chips = ask(self.config.simulator.control_port, {"op": "chips", "history": True})["chips"]
        return next(chip for chip in chips if chip["address"] == CHIP)

    def fault(self, kind: str, seconds: float | None = None) -> None:
        """Let the chip misbehave."""
        for_so_long = {} if seconds is None else {"seconds": seconds}
        ask(self.config.simulator.control_port, {"op": "fault", "target": CHIP, "fault": kind, **for_so_long})

    def states(self) -> Iterator[tuple[float, frozenset[str]]]:
        """Yield after each register write what was on."""
        registers = dict(POWER_ON)
        for write in self.ask_chip()["writes"]:
            registers[write["register"]] = write["value"]
            yield write["seconds"], frozenset(name for name in PINS if is_on(registers, name))

    def on_now(self) -> frozenset[str]:
        """Name what is on."""
        return (list(self.states()) or [(0.0, frozenset[str]())])[-1][1]

    def spans(self) -> list[Span]:
        """Return when which output was on; what still is, is until now."""
        begun: dict[str, float] = {}
        spans = []
        for at, on in [*self.states(), (time.monotonic(), frozenset[str]())]:
            for name in PINS:
                if name in on:
                    begun.setdefault(name, at)
                elif name in begun:
                    spans.append(Span(name, begun.pop(name), at))
        return spans

    def cut_power(self) -> None:
        """End everything supervised at once, as when the host loses its power; the chip keeps its own."""
        numbers = [self.pid(program) for program in PROGRAMS]
        supervisord = self.processes.pop("supervisord")
        supervisord.kill()
        for number in numbers:
            end(number)
        supervisord.wait()

    def end_orphans(self, numbers: list[int]) -> None:
        """End what a killed supervisord left behind, as a container's end does."""
        self.processes.pop("supervisord").wait()
        for number in numbers:
            end(number)

    def tail(self) -> str:
        """Return the last lines of every log."""
        logs = sorted((self.folder / "log").glob("*.log"))
        return "\n".join(f"{log.name}: {log.read_text(errors='replace')[-600:]}" for log in logs)

    def close(self) -> None:
        """End all, also what is stopped."""
        for program in (*PROGRAMS, "supervisord"):
            with suppress(ProcessLookupError):
                if number := self.pid(program):
                    os.kill(number, signal.SIGCONT)
        if self._observer:
            self._observer.close()
        super().close()


def starved_seconds() -> float:
    """Return for how long some process has waited for a processor since the machine's start; 0 where nobody counts."""
    try:
        some = Path("/proc/pressure/cpu").read_text().splitlines()[0]
    except OSError:
        return 0.0
    return int(some.rpartition("total=")[2]) / 1e6


def is_on(registers: dict[str, int], output: str) -> bool:
    """Tell whether a relay is driven: a pin that floats drives none."""
    port, bit, active_low = PINS[output]
    driven = not registers["IODIR" + "AB"[port]] >> bit & 1
    return driven and (registers["OLAT" + "AB"[port]] >> bit & 1) != active_low


def end(number: int) -> None:
    """Kill a process if there is one, and wait until it is gone (or a zombie)."""
    if number:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
        wait_for(f"the end of {number}", lambda: state_of(number) in "ZX")


def state_of(number: int) -> str:
    """Return a process's state letter; X when it is gone."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"
