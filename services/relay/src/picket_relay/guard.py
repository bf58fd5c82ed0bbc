"""Decide what outputs do: a pure machine of commands and deadlines; times are monotonic seconds, passed in.

Nothing is on for longer than its maximum; a pulse's end is a deadline, never a sleep; every command gets one answer.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple

from picket.config.schema import Output
from picket.messages import OnOff, OutputCommand

REMEMBERED_COMMANDS = 1000
OPPOSITE: dict[OnOff, OnOff] = {"ON": "OFF", "OFF": "ON"}


class Answer(NamedTuple):
    """What becomes of a command; `output` is empty when nothing is switched."""

    accepted: bool
    reason: str
    output: str = ""


class Switch:
    """One output's state, since when, and when it goes back by itself."""

    def __init__(self, settings: Output) -> None:
        """Begin in the default state."""
        self.settings = settings
        self.state: OnOff = settings.default
        self.since = 0.0
        self.deadline: float | None = None
        self.why = "start"

    def turn(self, state: OnOff, now: float, deadline: float | None, why: str) -> None:
        """Take a state until a deadline; the time since is kept when the state stays."""
        if state != self.state:
            self.since = now
        self.state, self.deadline, self.why = state, deadline, why


class Guard:
    """All outputs of a device."""

    def __init__(self, outputs: Mapping[str, Output]) -> None:
        """Begin with every output in its default state."""
        self.switches = {name: Switch(settings) for name, settings in outputs.items()}
        self._answered: OrderedDict[str, None] = OrderedDict()

    def command(self, command: OutputCommand, now: float, age_seconds: float) -> Answer:
        """Judge a command that is so old by the wall clock, and switch if it is accepted."""
        if command.id in self._answered:
            return Answer(False, "duplicate: this id was answered already")
        self._answered[command.id] = None
        while len(self._answered) > REMEMBERED_COMMANDS:
            self._answered.popitem(last=False)
        if age_seconds > command.ttl_seconds:
            return Answer(False, f"stale: issued {age_seconds:.1f} s ago, its ttl is {command.ttl_seconds:g} s")
        if age_seconds < -command.ttl_seconds:
            return Answer(False, f"issued {-age_seconds:.1f} s in the future: check the clocks")
        switch = self.switches.get(command.output)
        if switch is None:
            return Answer(False, f"there is no output {command.output!r}")
        return self._switch(command, switch, now)

    def end_due(self, now: float) -> list[str]:
        """Switch back what is due; return the names."""
        due = [name for name, s in self.switches.items() if s.deadline is not None and s.deadline <= now]
        for name in due:
            switch = self.switches[name]
            switch.turn(OPPOSITE[switch.state], now, None, f"its time was up: {switch.why}")
        return due

    def next_deadline(self) -> float | None:
        """Return when `end_due` has something to do."""
        return min((s.deadline for s in self.switches.values() if s.deadline is not None), default=None)

    def fail_safe(self, now: float, why: str) -> None:
        """Bring every output to its failsafe state."""
        for switch in self.switches.values():
            switch.turn(switch.settings.failsafe, now, None, why)

    def take_back(self, name: str, now: float, why: str) -> None:
        """Give up a state that could not be driven."""
        switch = self.switches[name]
        switch.turn(switch.settings.failsafe, now, None, why)

    def _switch(self, command: OutputCommand, switch: Switch, now: float) -> Answer:
        state, seconds, settings = command.state, command.seconds, switch.settings
        if seconds is not None and seconds <= 0:
            return Answer(False, f"seconds: expected more than 0, got {seconds:g}")
        if seconds is not None and state == settings.default:
            return Answer(False, f"seconds goes with {OPPOSITE[state]} only: this output rests {state}")
        same = state == switch.state
        if same and seconds is not None and settings.retrigger == "ignore" and switch.deadline is not None:
            return Answer(False, f"a pulse goes on for {switch.deadline - now:.1f} s; retrigger is ignore")
        deadline = None if seconds is None else now + seconds
        if same and deadline is not None and settings.retrigger == "extend":
            deadline = None if switch.deadline is None else max(deadline, switch.deadline)
        reason = ""
        if state == "ON" and settings.max_on_seconds is not None:
            latest = (switch.since if same else now) + settings.max_on_seconds
            if deadline is not None and deadline > latest:
                reason = f"cut to {round(max(0.0, latest - now), 1):g} s: max_on_seconds is {settings.max_on_seconds:g}"
            deadline = latest if deadline is None else min(deadline, latest)
        switch.turn(state, now, deadline, f"{command.origin} {command.id}")
        return Answer(True, reason, command.output)
