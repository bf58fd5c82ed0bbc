"""Whatever commands, faults and times come, in whatever order: judged by every register write the chips saw.

`PICKET_SOAK_STEPS=10000` throws that many steps instead of some hundred.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from picket.config.schema import Output
from picket.messages import OnOff
from picket_relay.guard import Answer
from picket_simulator.chips.mcp23017 import REGISTERS
from services.relay.tests.gear import ADDRESSES, Gear, Killed, on_by_registers

STEPS = int(os.environ.get("PICKET_SOAK_STEPS", "600"))
STEPS_AN_EXAMPLE = 50
GRACE_SECONDS = 1.0
DEAD_TIME_SECONDS = 0.5
OUTPUTS = {
    "up": Output(pin=1, max_on_seconds=8, interlock="gate"),
    "down": Output(pin=9, max_on_seconds=8, interlock="gate", active_low=True),
    "across": Output(pin=17, max_on_seconds=8, interlock="gate"),
    "pump": Output(pin=2, max_on_seconds=6, min_off_seconds=3, retrigger="replace"),
    "siren": Output(pin=18, max_on_seconds=5, retrigger="ignore", active_low=True),
}
NAMES = st.sampled_from(sorted(OUTPUTS))
STATES = st.sampled_from(["ON", "ON", "ON", "OFF"])
SECONDS = st.none() | st.sampled_from([0.05, 0.5, 2.0, 7.0, 100.0])
CHIPS = st.sampled_from(ADDRESSES)


class Watch:
    """Follows the registers of both chips, and knows until when each output may be on."""

    def __init__(self, gear: Gear) -> None:
        self.gear = gear
        self.allowed_until = dict.fromkeys(OUTPUTS, float("-inf"))
        self.silent_until = dict.fromkeys(ADDRESSES, float("-inf"))  # a chip that hears nothing can't be told either
        self._registers = [[0xFF if n < 2 else 0x00 for n in range(len(REGISTERS))] for _ in ADDRESSES]
        self._on: dict[str, float] = {}
        self._off: dict[str, float] = dict.fromkeys(OUTPUTS, float("-inf"))

    def look(self) -> None:
        """Check every write since the last look, in the order of time, and how things stand now."""
        writes = sorted(
            (write.at, number, order, write)
            for number, chip in enumerate(self.gear.chips.values())
            for order, write in enumerate(chip.history)
        )
        for chip in self.gear.chips.values():
            chip.history.clear()
        for at, number, _, write in writes:
            self._registers[number][write.register] = write.value
            self._check(at, on_by_registers(OUTPUTS, self._registers))
        assert on_by_registers(OUTPUTS, self._registers) == self.gear.on()
        self._check(self.gear.clock.now(), self.gear.on())

    def accepted(self, output: str, state: OnOff, seconds: float | None) -> None:
        """Note how long an accepted command lets its output be on, at the most."""
        now, longest = self.gear.clock.now(), OUTPUTS[output].max_on_seconds or 0
        if state == "OFF":
            self.allowed_until[output] = now
        else:
            self.allowed_until[output] = max(self.allowed_until[output], now + min(longest, seconds or longest))

    def died(self) -> None:
        """Note that all that is on must end."""
        for name in OUTPUTS:
            self.allowed_until[name] = min(self.allowed_until[name], self.gear.clock.now())

    def _check(self, at: float, on: set[str]) -> None:
        group = [name for name in on if OUTPUTS[name].interlock]
        assert len(group) < 2, f"{group} are on together at {at}"
        for name in sorted(OUTPUTS.keys() - on):
            if self._on.pop(name, None) is not None:
                self._off[name] = at
        for name in sorted(on):
            output = OUTPUTS[name]
            if name not in self._on:
                self._on[name] = at
                off_seconds = at - self._off[name]
                assert off_seconds >= output.min_off_seconds, f"{name} was off for {off_seconds} s only"
                for peer in OUTPUTS.keys() - {name}:
                    if output.interlock and OUTPUTS[peer].interlock:
                        apart = at - self._off[peer]
                        assert apart >= DEAD_TIME_SECONDS, f"{name} is on {apart} s after {peer}"
            heard = self.silent_until[ADDRESSES[(output.pin - 1) // 16]]
            longest = min(self._on[name] + (output.max_on_seconds or 0), self.allowed_until[name])
            assert at <= max(longest, heard) + GRACE_SECONDS, f"{name} is on at {at}, allowed until {longest}"


class Invariants(RuleBasedStateMachine):
    """The device, and all that may befall it; a run's folders lie in `parent`."""

    parent: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=self.parent))
        self.gear = Gear(self.folder, OUTPUTS, DEAD_TIME_SECONDS)
        self.watch = Watch(self.gear)
        self.answered: list[tuple[str, OnOff, float | None, Answer]] = []

    @rule(output=NAMES, state=STATES, seconds=SECONDS, age=st.sampled_from([0.0, 0.0, 0.0, 0.0, 3600.0, -3600.0, None]))
    def command(self, output: str, state: OnOff, seconds: float | None, age: float | None) -> None:
        seconds = seconds if state == "ON" else None
        silent = self.gear.clock.now() < max(self.watch.silent_until.values())
        before = self.gear.on()

        answer = self.gear.command(output, state, seconds, age_seconds=age)
        self.answered.append((output, state, seconds, answer))

        assert answer.accepted or answer.reason
        if answer.accepted:
            self.watch.accepted(output, state, seconds)
        if age in (3600.0, -3600.0):
            assert not answer.accepted and self.gear.on() == before
        elif state == "OFF" and not silent:
            assert answer.accepted, answer.reason
        if self.gear.disk_full and state == "ON":
            assert not answer.accepted

    @rule(
        first=NAMES,
        second=NAMES,
        seconds=SECONDS,
        pauses=st.tuples(*[st.sampled_from([0.001, 0.3, 0.6, 3.1])] * 2),
        silent_seconds=st.sampled_from([0.0, 0.0, 0.5, 5.0]),
    )
    def one_goes_off_and_the_next_on(
        self, first: str, second: str, seconds: float | None, pauses: tuple[float, float], silent_seconds: float
    ) -> None:
        self.command(first, "ON", seconds, 0.0)
        self.gear.run(pauses[0])
        if silent_seconds:
            self.a_chip_does_not_acknowledge(ADDRESSES[(OUTPUTS[first].pin - 1) // 16], silent_seconds)
        self.command(first, "OFF", None, 0.0)
        self.gear.run(pauses[1])
        self.command(second, "ON", seconds, 0.0)

    @precondition(lambda self: self.answered)
    @rule(which=st.integers(0, 1000))
    def repeat(self, which: int) -> None:
        output, state, seconds, first = self.answered[which % len(self.answered)]
        self.watch.look()
        before = self.gear.on()

        again = self.gear.command(output, state, seconds, number=first.id)

        assert again.repeated
        assert not again.accepted
        assert not any(chip.history for chip in self.gear.chips.values())
        assert self.gear.on() == before

    @rule(seconds=st.sampled_from([0.001, 0.04, 0.3, 0.5, 1.0, 2.5, 6.0]))
    def time_passes(self, seconds: float) -> None:
        self.gear.run(seconds)

    @rule(chip=CHIPS, seconds=st.sampled_from([0.05, 1.0, 5.0]))
    def a_chip_does_not_acknowledge(self, chip: int, seconds: float) -> None:
        self.gear.bus.fault(chip, "nack", seconds)
        self.watch.silent_until[chip] = self.gear.clock.now() + seconds

    @rule(chip=CHIPS)
    def a_chip_loses_power_for_a_moment(self, chip: int) -> None:
        self.gear.bus.fault(chip, "brownout")

    @rule(full=st.booleans())
    def the_disk_is_full_or_not(self, full: bool) -> None:
        self.gear.fill_disk(full)

    @rule()
    def the_hub_is_lost_and_comes_back(self) -> None:
        self.gear.switchgear.fail_safe("the hub is lost")
        self.watch.died()
        self.gear.switchgear.rest("the hub is back")

    @rule(pause=st.sampled_from([0.0, 0.1, 0.8]))
    def the_process_is_killed(self, pause: float) -> None:
        self._restart(pause)

    @rule(steps=st.integers(0, 12), output=NAMES, state=STATES, seconds=SECONDS, pause=st.sampled_from([0.0, 0.8]))
    def the_process_is_killed_in_the_middle(
        self, steps: int, output: str, state: OnOff, seconds: float | None, pause: float
    ) -> None:
        self.gear.fate.steps_left = steps
        self.watch.accepted(output, "ON", seconds)
        try:
            self.command(output, state, seconds, 0.0)
            self.gear.run(1.0)
        except Killed:
            pass
        self.gear.fate.steps_left = None
        self._restart(pause)

    @rule(share=st.floats(0, 1), garbage=st.booleans())
    def the_ledger_is_damaged(self, share: float, garbage: bool) -> None:
        file = self.folder / "relay-ledger.json"
        whole = file.read_bytes() if file.exists() else b""
        self.gear.kill()
        file.write_bytes(whole[: int(len(whole) * share)] + (b"\x00{]\xff" if garbage else b""))
        self.answered.clear()  # they may be forgotten
        self._restart(0.0)

    @rule()
    def the_host_boots(self) -> None:
        self.gear.boot += "'"
        self._restart(0.8)

    def check_invariants(self, *arguments: Any) -> None:
        super().check_invariants(*arguments)
        self.watch.look()

    def teardown(self) -> None:
        try:
            self.watch.look()
        finally:
            self.gear.kill()
            shutil.rmtree(self.folder)

    def _restart(self, pause: float) -> None:
        if self.gear.disk_full:
            self.answered.clear()  # what could not be written is not remembered, and was not switched on
        self.gear.kill()
        self.watch.died()
        self.gear.clock.sleep(pause)
        self.gear.start()
        self.answered = [entry for entry in self.answered if entry[3].accepted and entry[1] == "ON"]


def test_no_output_is_on_by_accident_whatever_happens(tmp_path: Path) -> None:
    Invariants.parent = tmp_path  # what a killed run leaves there, pytest takes away
    run_state_machine_as_test(
        Invariants,
        settings=settings(
            max_examples=STEPS // 40,  # an example has some 43 steps on average
            stateful_step_count=STEPS_AN_EXAMPLE,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=STEPS <= 1000,
        ),
    )
