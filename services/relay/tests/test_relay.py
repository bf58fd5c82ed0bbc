"""The guard as a process, with the real hub and the simulated chips: judged by the pins."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Fault, decode
from picket_simulator.command import ask
from tests.servers.commander import Commander
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
io_boards:
  main: {bus: "BUS", addresses: [0x20, 0x21]}
outputs:
  siren: {pin: 1, max_on_seconds: 10}
  light: {pin: 2}
  lamp: {pin: 17, active_low: true}
"""


class Bench:
    """The hub, the simulator, the guard, and a way to command it."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.release.start("picket_simulator")
        self.release.start_hub()
        self.release.start("picket_relay")
        self.command = Commander(self.release).command
        wait_for("the guard", lambda: self.command("siren", "OFF") is not None)

    def chips(self) -> Any:
        return ask(self.release.config.simulator.control_port, {"op": "chips"})["chips"]

    def levels(self, output: str) -> list[tuple[float, str]]:
        """Return an output's levels and since when, by the chip's history."""
        chips = ask(self.release.config.simulator.control_port, {"op": "chips", "history": True})["chips"]
        changes = next(chip["levels"][output] for chip in chips if output in chip.get("levels", {}))
        return [(change["seconds"], change["level"]) for change in changes]

    def faults(self) -> list[Fault]:
        """Return what the guard said is at fault, but for the watcher, which is not here."""
        found = [decode(entry.topic, entry.body) for entry in self.release.journal("fault.relay")]
        return [fault for fault in found if isinstance(fault, Fault) and fault.subject != "watcher"]

    def pin(self, output: str) -> str:
        for chip in self.chips():
            if output in chip.get("outputs", {}):
                return str(chip["outputs"][output]["level"])
        raise LookupError(output)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Release(tmp_path, CONFIG) as release:
        yield Bench(release)


def test_a_pulse_moves_the_pin_and_takes_it_back(bench: Bench) -> None:
    result = bench.command("siren", "ON", seconds=0.5)

    assert result and result.accepted and result.latency_ms is not None
    wait_for("the pulse's end", lambda: [level for _, level in bench.levels("siren")][-2:] == ["high", "low"])
    (began, _), (ended, _) = bench.levels("siren")[-2:]
    assert ended - began > 0.4
    assert (bench.pin("light"), bench.pin("lamp")) == ("low", "high")


def test_sigterm_leaves_every_output_in_its_failsafe_state(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.command("lamp", "ON")
    assert (bench.pin("siren"), bench.pin("lamp")) == ("high", "low")

    assert bench.release.kill("picket_relay", signal.SIGTERM) == 0

    assert (bench.pin("siren"), bench.pin("lamp")) == ("low", "high")


def test_after_a_kill_the_next_start_finds_the_latch_and_makes_it_safe(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.release.kill("picket_relay", signal.SIGKILL)
    assert bench.pin("siren") == "high"

    bench.release.start("picket_relay")

    wait_for("the safe state", lambda: bench.pin("siren") == "low")
    wait_for("word of what was on", lambda: "it was driving 0001" in bench.release.log("picket_relay"))


def test_a_brown_out_is_repaired_and_told(bench: Bench) -> None:
    bench.command("light", "ON")

    ask(bench.release.config.simulator.control_port, {"op": "fault", "target": "0x20", "fault": "brownout"})

    wait_for("the repair", lambda: bench.pin("light") == "high")
    wait_for("the fault", lambda: len(bench.faults()) == 2)


def test_a_chip_that_does_not_answer_refuses_and_costs_the_other_chip_nothing(bench: Bench) -> None:
    control = bench.release.config.simulator.control_port
    ask(control, {"op": "fault", "target": "0x20", "fault": "nack"})

    refused, accepted = bench.command("siren", "ON"), bench.command("lamp", "ON")
    ask(control, {"op": "fault", "target": "0x20", "fault": "clear"})

    assert refused and (refused.accepted, refused.reason) == (False, "the output's expander does not answer")
    assert accepted and accepted.accepted
    wait_for("the chip's return", lambda: (r := bench.command("siren", "ON", 1)) and r.accepted)
