"""The trace recorder in the real process: `picket replay` judges what it keeps as it was judged then."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket.messages import Fault, InputEvent, InputState
from picket_simulator.command import ask
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
adc_boards:
  main: {bus: "BUS"}
inputs:
  hall: {kind: analog_pir, channel: 1, warm_up_seconds: 1}
  garden: {kind: digital_pir, channel: 6, warm_up_seconds: 0, minimum_active_seconds: 2}
traces: {before_seconds: 4, after_seconds: 1}
"""
BURST = [[0.0, 3.3], [0.8, 3.3]]


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    """Run the hub and a simulator; the test starts the inputs."""
    with Release(tmp_path, CONFIG) as release:
        release.start("picket_simulator")
        release.start_hub()
        yield release


def normal(release: Release) -> bool:
    """Tell whether both inputs are at rest and warm."""
    states = [msgspec.json.decode(entry.body, type=InputState) for entry in release.journal("input.state.")]
    return {state.input for state in states if state.zone == "normal"} == {"hall", "garden"}


def simulate(release: Release, **request: Any) -> None:
    ask(release.config.simulator.control_port, request)


def events(release: Release) -> list[InputEvent]:
    return [msgspec.json.decode(entry.body, type=InputEvent) for entry in release.journal("event.input.")]


def replayed(release: Release, file: Path) -> list[Any]:
    """Return what `picket replay` finds in a trace."""
    program = [sys.executable, "-c", "from picket.cli import main; main()"]
    command = [*program, "replay", str(file), "--input", file.parent.name, "--json", "--suppressed"]
    done = subprocess.run(command, env=release.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(release: Release, name: str) -> list[Path]:
    return sorted((Path(release.config.data_dir) / "traces" / name).glob("*.json"))


def test_a_walk_and_a_suppressed_burst_leave_traces_that_replay_judges_alike(release: Release) -> None:
    release.start("picket_gpio_input")
    wait_for("inputs at rest", lambda: normal(release))
    simulate(release, op="walk", input="hall")
    simulate(release, op="play", input="garden", samples=BURST)
    (walk,) = wait_for("the walk's trace", lambda: kept(release, "hall"), 90)
    (burst,) = wait_for("the burst's trace", lambda: kept(release, "garden"))

    stories = {file: json.loads(file.read_text())["verdicts"] for file in (walk, burst)}
    told = [(event.type, event.id, event.why) for event in events(release)]
    assert [v["type"] for v in stories[walk] if v["type"] != "suppressed"] == ["new", "end"]
    assert [v["type"] for v in stories[burst]] == ["suppressed"]
    assert [(v["type"], v["id"], v["why"]) for v in stories[walk] if v["id"]] == told
    for file, story in stories.items():
        again = replayed(release, file.with_suffix(".csv"))
        assert [(v["type"], v["zone"], v["pulses"]) for v in again] == [
            (v["type"], v["zone"], v["pulses"]) for v in story
        ]
        assert [v["began_s"] for v in again] == pytest.approx([v["began_s"] for v in story], abs=0.2)


def test_a_folder_in_which_nothing_can_be_kept_costs_no_event(release: Release) -> None:
    folder = Path(release.config.data_dir)
    folder.mkdir(exist_ok=True)
    (folder / "traces").write_text("a file in the way")
    release.start("picket_gpio_input")
    wait_for("inputs at rest", lambda: normal(release))

    simulate(release, op="walk", input="hall")
    wait_for("the walk's end", lambda: [event for event in events(release) if event.type == "end"], 90)
    faults = wait_for("the fault", lambda: release.journal("fault.gpio-input"))
    release.kill("picket_gpio_input", 15)

    (fault,) = [msgspec.json.decode(entry.body, type=Fault) for entry in faults]
    assert (fault.subject, fault.state, fault.text) == ("traces", "begin", "can't be kept: Not a directory")
    assert [event.type for event in events(release)] == ["new", "end"]
