"""The watcher and the guard as processes, with the real hub and the simulated chips: judged by the chip's history."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from picket.messages import Fault, decode
from picket_relay.failsafe_plan import Beats, Chip, plan_file, read_plan, write_plan
from picket_relay.ownership import ChipLock
from picket_simulator.command import SimulatorError, ask
from tests.servers.commander import Commander
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
io_boards:
  main: {bus: "BUS", addresses: [0x20, 0x21]}
outputs:
  siren: {pin: 1, max_on_seconds: 60}
  lamp: {pin: 17, active_low: true}
"""
HANGS_AT_SIGUSR1 = """
import signal
from picket.service import run
from picket_relay.service import Relay

def hang(*_):
    while True:
        pass

signal.signal(signal.SIGUSR1, hang)
run("relay", Relay)
"""
PRIVATE_MEGABYTES = 12
HEAVY = {"zmq", "msgspec", "yaml", "logging", "smbus2", "ctypes", "pathlib", "picket.i2c", "picket.service"}


class Moment(NamedTuple):
    """A time by the monotonic clock, and for how long the watcher had stood ready without a processor by then."""

    at: float
    starved: float


class Bench:
    """The hub, the simulator, the guard, its watcher, and a way to command the guard."""

    def __init__(self, release: Release) -> None:
        self.release = release
        (release.folder / "hanging_relay.py").write_text(HANGS_AT_SIGUSR1)
        self.data = Path(self.release.config.data_dir)
        self.data.mkdir()
        self.release.start("picket_simulator")
        self.release.start_hub()
        self.command = Commander(self.release).command
        self.start_watcher()
        self.start_guard()

    def start_watcher(self, name: str = "watcher") -> int:
        self.watcher = self.release.start("picket_relay.watcher", str(self.data), name=name).pid
        return self.watcher

    def start_guard(self) -> int:
        guard = self.release.start("hanging_relay", name="guard")
        wait_for("the guard", lambda: self.command("siren", "OFF") is not None)
        wait_for("the watch", lambda: f"watches process {guard.pid}" in self.release.log("watcher"))
        return guard.pid

    def now(self) -> Moment:
        starved_ns = 0
        with suppress(OSError):  # a kernel that does not count
            starved_ns = int(Path(f"/proc/{self.watcher}/schedstat").read_text().split()[1])
        return Moment(time.monotonic(), starved_ns / 1e9)

    def signal(self, number: int, name: str = "guard") -> Moment:
        """Signal a process; return when."""
        moment = self.now()
        self.release.processes[name].send_signal(number)
        return moment

    def simulate(self, operation: str, **request: Any) -> Any:
        return ask(self.release.config.simulator.control_port, {"op": operation, **request})

    def chips(self) -> list[Any]:
        chips: list[Any] = self.simulate("chips", history=True)["chips"]
        return [chip for chip in chips if chip["chip"] == "MCP23017"]

    def pin(self, output: str) -> tuple[float, str]:
        """Return an output's level and since when, by the chip's history."""
        changes = [change for chip in self.chips() for change in chip["levels"].get(output, [])]
        return (changes[-1]["seconds"], changes[-1]["level"]) if changes else (0.0, "floating")

    def set_ups(self) -> int:
        """Count how often somebody set the first chip up."""
        return sum(write["register"] == "GPINTENB" for write in self.chips()[0]["writes"])

    def after(self, output: str, began: Moment) -> float:
        """Return how long after a moment an output changed, but for what a busy machine took of it.

        The simulator wakes as often as the watcher that asks it, and waits about as long for a processor.
        """
        return self.pin(output)[0] - began.at - 2 * (self.now().starved - began.starved)

    def off_after(self, began: Moment) -> float:
        """Wait until the watcher is done; its chips are left in peace meanwhile, or each look would hold it up."""
        wait_for("the record", self.records)
        assert self.pin("siren")[1] == "low"
        return self.after("siren", began)

    def records(self) -> list[Any]:
        file = self.data / "relay-watcher.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Release(tmp_path, CONFIG, relay={"updates_lock_file": str(tmp_path / "updates.lock")}) as release:
        yield Bench(release)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        pytest.param(signal.SIGKILL, "it died", id="killed"),
        pytest.param(signal.SIGSTOP, "it had said nothing", id="stopped"),
        pytest.param(signal.SIGUSR1, "it had said nothing", id="busy for ever"),
    ],
)
def test_without_its_guard_an_output_is_off_within_a_second(bench: Bench, number: int, why: str) -> None:
    assert (on := bench.command("siren", "ON")) and on.accepted
    assert (on := bench.command("lamp", "ON")) and on.accepted

    seconds = bench.off_after(bench.signal(number))

    assert seconds < 1.0
    assert bench.release.processes["guard"].wait(timeout=60) == -signal.SIGKILL
    (record,) = bench.records()
    assert why in record["why"] and record["chips"]["0x20"] == "drove 0001, drives 0000 now"
    assert bench.pin("lamp")[1] == "high"


def test_the_next_guard_works_and_tells_what_the_watcher_did(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.off_after(bench.signal(signal.SIGKILL))

    bench.start_guard()

    assert (on := bench.command("siren", "ON")) and on.accepted
    assert bench.pin("siren")[1] == "high"

    def told() -> list[Fault]:
        faults = [decode(entry.topic, entry.body) for entry in bench.release.journal("fault.relay")]
        return [fault for fault in faults if isinstance(fault, Fault) and fault.subject == "guard"]

    wait_for("the fault", lambda: len(told()) == 2)
    assert "it died; the watcher saw to its outputs" in told()[0].text
    assert bench.off_after(bench.signal(signal.SIGKILL)) < 1.0


def test_the_watcher_writes_nothing_while_the_guard_lives_or_after_it_stopped_in_order(bench: Bench) -> None:
    for _ in range(20):
        bench.command("siren", "ON")
        bench.command("siren", "OFF")
    assert bench.set_ups() == 1

    assert bench.release.kill("guard", signal.SIGTERM) == 0

    wait_for("the watcher's rest", lambda: "there is no plan" in bench.release.log("watcher").splitlines()[-1])
    assert bench.set_ups() == 1 and not bench.records()


def test_a_pause_of_the_whole_machine_is_not_the_guards_silence(bench: Bench) -> None:
    bench.signal(signal.SIGSTOP, "watcher")
    began = bench.signal(signal.SIGSTOP).at
    wait_for("a second to pass", lambda: time.monotonic() > began + 1.0)
    bench.signal(signal.SIGCONT)
    bench.signal(signal.SIGCONT, "watcher")

    began = time.monotonic()
    wait_for("another second", lambda: time.monotonic() > began + 1.0)

    assert bench.release.processes["guard"].poll() is None and bench.set_ups() == 1
    assert bench.off_after(bench.signal(signal.SIGSTOP)) < 1.0  # and it watches still


def test_a_chip_that_does_not_answer_is_tried_until_it_does_and_keeps_the_other_not_waiting(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.command("lamp", "ON")
    bench.simulate("fault", target="0x20", fault="nack")

    began = bench.signal(signal.SIGKILL)
    wait_for("the attempt", lambda: "goes on trying" in bench.release.log("watcher"))
    wait_for("the other chip", lambda: bench.pin("lamp")[1] == "high")
    assert bench.after("lamp", began) < 1.0 and bench.pin("siren")[1] == "high"

    answers = bench.now()
    bench.simulate("fault", target="0x20", fault="clear")
    assert bench.off_after(answers) < 1.0


def test_a_simulator_that_comes_back_finds_its_outputs_made_safe(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.release.kill("picket_simulator", signal.SIGKILL)
    bench.signal(signal.SIGKILL)
    wait_for("the attempt", lambda: "goes on trying" in bench.release.log("watcher"))

    bench.release.start("picket_simulator")

    def answers() -> bool:
        try:
            return bench.pin("siren")[1] == "low" and bench.pin("lamp")[1] == "high"
        except SimulatorError:
            return False

    wait_for("the failsafe state", answers)


def test_a_new_guard_that_comes_first_ends_the_attempts(bench: Bench) -> None:
    bench.simulate("fault", target="0x20", fault="nack")
    bench.signal(signal.SIGKILL)
    wait_for("the attempt", lambda: "goes on trying" in bench.release.log("watcher"))

    bench.start_guard()
    bench.simulate("fault", target="0x20", fault="clear")

    wait_for("the guard's own repair", lambda: (on := bench.command("siren", "ON")) and on.accepted)
    assert bench.pin("siren")[1] == "high" and "a new guard took over" in bench.release.log("watcher")


def test_a_plan_of_a_dead_guard_waits_for_whoever_owns_the_chips(bench: Bench) -> None:
    bench.command("siren", "ON")
    body = Path(plan_file(bench.data)).read_bytes()
    assert bench.release.kill("watcher", signal.SIGTERM) == -signal.SIGTERM
    bench.release.kill("guard")
    with ChipLock(bench.data) as lock:
        assert lock.acquire(1.0)
        pid = bench.start_watcher()
        wait_for("the watcher", lambda: "watches process" in bench.release.log("watcher").splitlines()[-1])
        began = time.monotonic()
        wait_for("half a second", lambda: time.monotonic() > began + 0.5)
        assert bench.pin("siren")[1] == "high"
        released = bench.now()

    assert bench.off_after(released) < 1.0 and bench.release.processes["watcher"].pid == pid
    assert Path(plan_file(bench.data)).read_bytes() == body


def test_rubbish_in_place_of_the_plan_is_said_once_and_ends_no_watch(bench: Bench) -> None:
    bench.command("siren", "ON")
    Path(plan_file(bench.data)).write_text('{"guard": 1')

    assert bench.off_after(bench.signal(signal.SIGKILL)) < 1.0

    wait_for("the complaint", lambda: "the plan can't be read" in bench.release.log("watcher"))
    bench.start_guard()
    assert bench.release.log("watcher").count("the plan can't be read") == 1


def test_a_plan_that_can_not_be_written_is_a_fault_until_it_can(bench: Bench) -> None:
    assert bench.release.kill("guard", signal.SIGTERM) == 0
    in_the_way = Path(f"{plan_file(bench.data)}.new")
    in_the_way.mkdir()
    guard = bench.release.start("hanging_relay", name="guard")
    wait_for("the fault", lambda: "failsafe plan: can't be written" in bench.release.log("guard"))

    in_the_way.rmdir()

    wait_for("the watch", lambda: f"watches process {guard.pid}" in bench.release.log("watcher"))
    assert (on := bench.command("siren", "ON")) and on.accepted
    assert bench.off_after(bench.signal(signal.SIGSTOP)) < 1.0


def test_of_two_watchers_one_waits_and_follows(bench: Bench) -> None:
    bench.start_watcher("second")
    wait_for("the second", lambda: "waits, there is another: process" in bench.release.log("second"))

    bench.release.kill("watcher")
    wait_for("the second's turn", lambda: "watches process" in bench.release.log("second"))

    bench.command("siren", "ON")
    assert bench.off_after(bench.signal(signal.SIGSTOP)) < 1.0


def test_a_watcher_that_is_gone_or_stopped_is_a_fault_until_it_is_back(bench: Bench) -> None:
    def standing() -> bool:
        faults = [decode(entry.topic, entry.body) for entry in bench.release.journal("fault.relay")]
        ours = [fault.state for fault in faults if isinstance(fault, Fault) and fault.subject == "watcher"]
        return bool(ours) and ours[-1] == "begin"

    bench.signal(signal.SIGSTOP, "watcher")
    wait_for("the fault", standing)
    bench.release.kill("watcher")
    assert standing()

    bench.start_watcher()

    wait_for("its end", lambda: not standing())


def test_the_watcher_fits_into_twelve_megabytes(bench: Bench) -> None:
    bench.command("siren", "ON")
    bench.off_after(bench.signal(signal.SIGKILL))

    rows = Path(f"/proc/{bench.release.processes['watcher'].pid}/smaps_rollup").read_text().splitlines()

    assert sum(int(row.split()[1]) for row in rows if row.startswith("Private_")) / 1024 < PRIVATE_MEGABYTES


def test_the_watcher_imports_nothing_heavy() -> None:
    lines = "import sys, picket_relay.watcher; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True).stdout.split()

    assert "picket_relay.watcher" in loaded and not HEAVY & set(loaded)


def test_a_number_that_belongs_to_another_process_now_is_left_alone(tmp_path: Path) -> None:
    write_plan(tmp_path, Beats.make(), [Chip("sim://127.0.0.1:1", 0x20, 1, 0)])
    plan = read_plan(tmp_path)
    body = Path(plan_file(tmp_path)).read_text().replace(f'"started": {plan.guard.started}', '"started": 1')
    Path(plan_file(tmp_path)).write_text(body)

    with Release(tmp_path) as release:
        release.start("picket_relay.watcher", str(tmp_path), name="watcher")
        wait_for("the attempt", lambda: "goes on trying" in release.log("watcher"))

        lock = ChipLock(tmp_path)
        wait_for("a moment between the tries", lambda: lock.acquire(0.5))  # and this process lives: it was not killed
        lock.release()


def test_updates_wait_for_a_pulse_and_no_longer_than_its_guard(bench: Bench) -> None:
    lock = bench.release.folder / "updates.lock"
    assert not lock.exists()

    bench.command("siren", "ON")  # its maximum ends it: a pulse
    assert json.loads(lock.read_bytes())["reason"] == "siren pulses"
    bench.command("siren", "OFF")
    assert not lock.exists()

    bench.command("siren", "ON")
    assert lock.exists()
    assert bench.release.kill("guard", signal.SIGTERM) == 0
    assert not lock.exists()

    bench.start_guard()
    bench.command("siren", "ON")
    bench.release.kill("guard")
    assert lock.exists()
    bench.start_guard()
    wait_for("the stale lock's end", lambda: not lock.exists())
