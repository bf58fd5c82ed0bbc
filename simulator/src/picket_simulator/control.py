"""What may be asked of the running simulator: one JSON object a line, one back.

{"op": "chips", "history": true}                                   {"chips": [...]}
{"op": "walk", "input": "hall"}      also tamper, short, open      {}
{"op": "play", "input": "hall", "samples": [[0, 2.5], [0.01, 2.6]]}
{"op": "disturb", "input": "hall", "kind": "rf_bursts", "seed": 1, "seconds": 60}
{"op": "fault", "target": "0x68", "fault": "nack", "seconds": 5}   a chip's address, or a serial sensor's name
anything that cannot be                                            {"error": "..."}
"""

import logging
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from picket_simulator import report
from picket_simulator.fault import FOREVER
from picket_simulator.hardware import Hardware
from picket_simulator.world import SCENES

LOG = logging.getLogger(__name__)


class Chips(Struct, forbid_unknown_fields=True):
    """Show the registers."""

    history: bool = False


class Scene(Struct, forbid_unknown_fields=True):
    """Let something happen at an input."""

    input: str


class Play(Struct, forbid_unknown_fields=True):
    """Play (seconds, volts) on an input."""

    input: str
    samples: list[tuple[float, float]]


class Disturb(Struct, forbid_unknown_fields=True):
    """Add a disturbance to what an input says."""

    input: str
    kind: str
    seed: int = 1
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 60.0


class Fault(Struct, forbid_unknown_fields=True):
    """Let a chip or a sensor misbehave."""

    target: str
    fault: str
    seconds: Annotated[float, Meta(ge=0)] = FOREVER


OPERATIONS = {"chips": Chips, **dict.fromkeys(SCENES, Scene), "play": Play, "disturb": Disturb, "fault": Fault}


def answer(hardware: Hardware, line: bytes) -> bytes:
    """Do what a line asks for and return the line that answers it."""
    try:
        done = _perform(hardware, msgspec.json.decode(line, type=dict[str, Any]))
    except (msgspec.MsgspecError, ValueError) as error:
        done = {"error": str(error)}
    return msgspec.json.encode(done) + b"\n"


def _perform(hardware: Hardware, fields: dict[str, Any]) -> dict[str, Any]:
    operation = fields.pop("op", None)
    if operation not in OPERATIONS:
        raise ValueError(f"op: expected one of {', '.join(OPERATIONS)}, got {operation}")
    request = msgspec.convert(fields, OPERATIONS[operation])
    now = hardware.bus.clock.now()
    match request:
        case Chips():
            return {"chips": report.chips(hardware, history=request.history)}
        case Scene():
            hardware.world.act(request.input, operation, now)
            LOG.info("input %s: %s", request.input, operation)
        case Play():
            hardware.world.play(request.input, request.samples, now)
            LOG.info("input %s: plays %s samples", request.input, len(request.samples))
        case Disturb(name, kind, seed, seconds):
            hardware.world.disturb(name, kind, seed, seconds, now)
            LOG.info("input %s: %s for %g s, seed %s", name, kind, seconds, seed)
        case Fault():
            hardware.fault(request.target, request.fault, request.seconds)
            LOG.info(
                "%s: %s%s", request.target, request.fault, f" for {s} s" if (s := request.seconds) < FOREVER else ""
            )
    return {}
