"""The command `picket simulate`: act on the running simulator, and look into it."""

import argparse
import json
import socket
from typing import Any

from picket.config import load
from picket.errors import PicketError
from picket_simulator import trace_file
from picket_simulator.disturbances import KINDS
from picket_simulator.world import SCENES

HELP = "act on the running simulator: walks, traces, disturbances, faults, registers"
SCENE_HELP = {
    "walk": "somebody walks past an input",
    "tamper": "somebody opens a detector's case",
    "short": "somebody bridges an input's wires",
    "open": "somebody cuts an input's wire",
}


class SimulatorError(PicketError):
    """The simulator is not there, or refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands."""
    commands = parser.add_subparsers(dest="operation", required=True, metavar="WHAT")
    for scene in SCENES:
        commands.add_parser(scene, help=SCENE_HELP[scene]).add_argument("input", metavar="INPUT")
    play = commands.add_parser("play", help="play a recorded trace on an input")
    play.add_argument("trace", metavar="TRACE.csv", help="columns t_s,volts; .gz too, - for stdin")
    play.add_argument("input", metavar="INPUT")
    play.add_argument("--recording", metavar="NAME", help="only the rows whose column recording is NAME")
    disturb = commands.add_parser("disturb", help="add a disturbance to what an input says")
    disturb.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    disturb.add_argument("input", metavar="INPUT")
    disturb.add_argument("--seed", type=int, default=1, metavar="N", help="the same seed is the same disturbance (1)")
    disturb.add_argument("--seconds", type=float, default=60.0, metavar="S", help="how long it lasts (60)")
    fault = commands.add_parser("fault", help="let a chip, or what a collector asks, misbehave")
    fault.add_argument(
        "fault",
        metavar="KIND",
        help="chips: nack, stuck, brownout; sensors and plugs: silent, garbage, unplug; plugs: password; "
        "Zigbee's bridge and devices, nodes: offline, garbage; nodes: chatter; "
        "a UPS: power_cut, low_battery, stale, silent; the weather: 500, garbage, slow, 429; clear",
    )
    fault.add_argument("target", metavar="TARGET", help="an I2C address (0x68) or a collector's name")
    fault.add_argument("--seconds", type=float, metavar="N", help="end it by itself after N seconds")
    chips = commands.add_parser("chips", help="print the registers of every chip")
    chips.add_argument("--json", action="store_true", help="as JSON")
    chips.add_argument("--history", action="store_true", help="the writes to the registers too, with their times")


def run(arguments: argparse.Namespace) -> int:
    """Do one operation and return the exit code; raises PicketError."""
    answer = ask(load().simulator.control_port, _request(arguments))
    if arguments.operation == "chips":
        print(json.dumps(answer["chips"], indent=2) if arguments.json else _table(answer["chips"]))
    return 0


def ask(port: int, request: dict[str, Any]) -> dict[str, Any]:
    """Send one request to the simulator and return its answer; raises SimulatorError."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(json.dumps(request).encode() + b"\n")
            line = connection.makefile().readline()
    except OSError as error:
        raise SimulatorError(f"no simulator answers on 127.0.0.1:{port} ({error})") from error
    answer: dict[str, Any] = json.loads(line or '{"error": "it hung up"}')
    if "error" in answer:
        raise SimulatorError(answer["error"])
    return answer


def _request(arguments: argparse.Namespace) -> dict[str, Any]:
    request: dict[str, Any] = {"op": arguments.operation}
    match arguments.operation:
        case "chips":
            request["history"] = arguments.history
        case "play":
            request |= {"input": arguments.input, "samples": trace_file.read(arguments.trace, arguments.recording)}
        case "disturb":
            request |= {name: getattr(arguments, name) for name in ("input", "kind", "seed", "seconds")}
        case "fault":
            request |= {"target": arguments.target, "fault": arguments.fault}
            if arguments.seconds is not None:
                request["seconds"] = arguments.seconds
        case _:
            request["input"] = arguments.input
    return request


def _table(chips: list[dict[str, Any]]) -> str:
    return "\n".join(line for chip in chips for line in _rows(chip))


def _rows(chip: dict[str, Any]) -> list[str]:
    head = f"{chip['address']} {chip['chip']} of {chip['board']}"
    if chip["chip"] == "MCP3424":
        rows = [f"{head}  config {chip['config']:#04x}"]
        for channel, last in chip["channels"].items():
            rows.append(f"  channel {channel}  {last['volts']:8.4f} V  {last['input'] or '-'}")
        return rows
    words = "  ".join(f"{name} {value:04x}" for name, value in chip["registers"].items())
    rows = [f"{head}  {words}"]
    for name, output in chip.get("outputs", {}).items():
        rows.append(f"  pin {output['pin']:2}  {output['level']:8}  {name}")
    for write in chip.get("writes", []):
        rows.append(f"  {write['time']}  {write['seconds']:14.6f} s  {write['register']:8} {write['value']:02x}")
    return rows
