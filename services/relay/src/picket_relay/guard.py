"""Decide what outputs do: a pure machine of commands and deadlines; times are monotonic seconds, passed in.

Nothing is on for longer than its maximum; a pulse's end is a deadline, never a sleep; every command gets one answer,
and one that comes again is refused with what became of the first.

An output has two sides: the *position* it is meant to have, and what its chip was last seen to drive (`latched`), which
is not `sure` while the chip does not answer. Interlocks and minimum off-times go by the chip: what may still be on
counts as on, and an off-time begins when the chip has been told, not when it was meant.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct, structs

from picket.config.schema import Interlock, Output
from picket.messages import OnOff, OutputCommand

REMEMBERED_COMMANDS = 1000
OPPOSITE: dict[OnOff, OnOff] = {"ON": "OFF", "OFF": "ON"}
CLOCK_SET_NS = 1_763_000_000 * 10**9  # this was written after that: an earlier clock has not been set since the boot
SAME_CLOCK_SECONDS = 0.001


class Answer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command: remembered by its id, on disk too."""

    id: str
    output: str
    wish: OnOff
    accepted: bool
    reason: str = ""
    state: Literal["ON", "OFF", "UNKNOWN"] = "UNKNOWN"  # the output's, after it
    repeated: bool = False


class Position(NamedTuple):
    """What an output is meant to be, since when, until when by itself, and why."""

    state: OnOff
    since: float
    deadline: float | None
    why: str


class Running(Struct, frozen=True, omit_defaults=True):
    """An output away from its rest, as the ledger keeps it; times are of the boot it was written in."""

    state: OnOff
    since: float
    deadline: float | None = None
    command: str = ""


class Tally(Struct, frozen=True):
    """How often an output was switched on, and for how long it was on in all."""

    switches: int = 0
    on_seconds: float = 0.0


class Switch:
    """One output."""

    def __init__(self, settings: Output, now: float) -> None:
        """Begin in the default state, with a chip of which nothing is known."""
        self.settings = settings
        self.position = Position(settings.default, now, None, "start")
        self.command = ""  # the id of the last one that was accepted
        self.latched: OnOff = settings.default
        self.latched_since = now
        self.sure = False
        self.tally = Tally()

    @property
    def state(self) -> OnOff:
        """What the output is meant to be."""
        return self.position.state

    @property
    def settled(self) -> bool:
        """Whether the chip drives what is meant."""
        return self.sure and self.latched == self.position.state

    def turn(self, state: OnOff, now: float, deadline: float | None, why: str) -> None:
        """Take a position until a deadline; the time since is kept when the state stays."""
        since = self.position.since if state == self.position.state else now
        self.position = Position(state, since, deadline, why)

    def postpone(self, seconds: float) -> None:
        """Count from a little later: writing and driving take their time."""
        state, since, deadline, why = self.position
        self.position = Position(state, since + seconds, None if deadline is None else deadline + seconds, why)

    def latch(self, state: OnOff, now: float) -> None:
        """Note what the chip drives."""
        if state != self.latched:
            self.tally, self.latched, self.latched_since = self.tally_at(now, state == "ON"), state, now
        elif not self.sure and state == "OFF":
            self.latched_since = now  # it may have been on until now
        self.sure = True

    def tally_at(self, now: float, again: int = 0) -> Tally:
        """Return the counters with what is on now, and `again` switches more."""
        on = now - self.latched_since if self.latched == "ON" else 0.0
        return Tally(self.tally.switches + again, round(self.tally.on_seconds + on, 3))


class Guard:
    """All outputs of a device."""

    def __init__(self, outputs: Mapping[str, Output], interlocks: Mapping[str, Interlock], now: float) -> None:
        """Begin with every output in its default state."""
        self.switches = {name: Switch(settings, now) for name, settings in outputs.items()}
        self.answers: OrderedDict[str, Answer] = OrderedDict()
        self.unwritten = 0  # so many of the answers, from the end, the ledger does not have yet
        self._interlocks = interlocks

    def command(self, command: OutputCommand, now: float, age_seconds: float | None) -> Answer:
        """Judge a command that is so old (None: that can't be told), and take its position if it is accepted."""
        known = self.answers.get(command.id)
        if known and (known.output, known.wish) == (command.output, command.state):
            first = "accepted" if known.accepted else "refused"
            reason = f"duplicate: this id was {first} already{': ' + known.reason if known.reason else ''}"
            state = self.switches[known.output].state if known.output in self.switches else "UNKNOWN"
            return structs.replace(known, accepted=False, reason=reason, state=state, repeated=True)
        switch = self.switches.get(command.output)
        accepted, reason = False, _staleness(command, age_seconds, switch)
        if known:
            reason = f"its id was {known.wish} of {known.output} already: every command needs one of its own"
        elif not reason:
            accepted, reason = self._switch(command, switch, now)
        answer = Answer(
            id=command.id,
            output=command.output,
            wish=command.state,
            accepted=accepted,
            reason=reason,
            state=switch.state if switch else "UNKNOWN",
        )
        return answer if known else self.remember(answer)

    def remember(self, answer: Answer) -> Answer:
        """Keep an answer, in the place of an earlier one to the same command."""
        self.answers[answer.id] = answer
        self.answers.move_to_end(answer.id)
        while len(self.answers) > REMEMBERED_COMMANDS:
            self.answers.popitem(last=False)
        self.unwritten = min(self.unwritten + 1, len(self.answers))
        return answer

    def refuse(self, answer: Answer, reason: str) -> Answer:
        """Remember that what was accepted could not be done."""
        state = self.switches[answer.output].state
        return self.remember(structs.replace(answer, accepted=False, reason=reason, state=state))

    def end_due(self, now: float) -> list[str]:
        """Take back what is due; return the names."""
        due = [n for n, s in self.switches.items() if s.position.deadline is not None and s.position.deadline <= now]
        for name in due:
            switch = self.switches[name]
            switch.turn(OPPOSITE[switch.state], now, None, f"its time was up: {switch.position.why}")
        return due

    def next_deadline(self) -> float | None:
        """Return when `end_due` has something to do."""
        deadlines = [s.position.deadline for s in self.switches.values() if s.position.deadline is not None]
        return min(deadlines, default=None)

    def fail_safe(self, now: float, why: str, names: Iterable[str] | None = None) -> None:
        """Bring outputs, or all of them, to their failsafe state."""
        for name in self.switches if names is None else names:
            switch = self.switches[name]
            switch.turn(switch.settings.failsafe, now, None, why)

    def rest(self, now: float, why: str) -> None:
        """Bring every output to its default state."""
        for switch in self.switches.values():
            if switch.state != switch.settings.default:
                switch.turn(switch.settings.default, now, None, why)

    def states(self) -> dict[str, OnOff]:
        """Return what every output is meant to be."""
        return {name: switch.state for name, switch in self.switches.items()}

    def latch(self, states: Mapping[str, OnOff], now: float) -> None:
        """Note what a chip was told, and has taken."""
        for name, state in states.items():
            self.switches[name].latch(state, now)

    def doubt(self, names: Iterable[str]) -> None:
        """Note that a chip does not answer: nobody knows what it drives."""
        for name in names:
            self.switches[name].sure = False

    def find(self, states: Mapping[str, OnOff], now: float) -> None:
        """Note what a chip drives after nobody knew; what fell and has a minimum off-time stays off."""
        for name, state in states.items():
            switch = self.switches[name]
            fell = (switch.latched, state, switch.state) == ("ON", "OFF", "ON")
            if fell and switch.settings.min_off_seconds:
                switch.turn("OFF", now, None, f"its expander lost power: {switch.position.why}")
            switch.latch(state, now)

    def running(self) -> dict[str, Running]:
        """Return what is away from its rest."""
        return {
            name: Running(switch.state, switch.position.since, switch.position.deadline, switch.command)
            for name, switch in self.switches.items()
            if switch.state != switch.settings.default or switch.position.deadline is not None
        }

    def _switch(self, command: OutputCommand, switch: Switch | None, now: float) -> tuple[bool, str]:
        if switch is None:
            return False, f"there is no output {command.output!r}"
        state, seconds, settings, position = command.state, command.seconds, switch.settings, switch.position
        if seconds is not None and not seconds > 0:
            return False, f"seconds: expected more than 0, got {seconds:g}"
        if seconds is not None and state == settings.default:
            return False, f"seconds goes with {OPPOSITE[state]} only: this output rests {state}"
        same = state == position.state
        if same and seconds is not None and settings.retrigger == "ignore" and position.deadline is not None:
            return False, f"a pulse goes on for {position.deadline - now:.1f} s; retrigger is ignore"
        if state == "ON" and not same and (obstacle := self._obstacle(command.output, switch, now)):
            return False, obstacle
        deadline = None if seconds is None else now + seconds
        if same and deadline is not None and settings.retrigger == "extend":
            deadline = None if position.deadline is None else max(deadline, position.deadline)
        reason = ""
        if state == "ON" and settings.max_on_seconds is not None:
            latest = (position.since if same else now) + settings.max_on_seconds
            if deadline is not None and deadline > latest:
                reason = f"cut to {round(max(0.0, latest - now), 1):g} s: max_on_seconds is {settings.max_on_seconds:g}"
            deadline = latest if deadline is None else min(deadline, latest)
        switch.turn(state, now, deadline, f"{command.origin} {command.id}")
        switch.command = command.id
        return True, reason

    def _obstacle(self, name: str, switch: Switch, now: float) -> str:
        """Say why an output must not be switched on now."""
        settings = switch.settings
        off_seconds = now - switch.latched_since
        if settings.min_off_seconds and not (switch.sure and switch.latched == "OFF"):
            return "it may still be on: its expander does not answer"
        if settings.min_off_seconds and off_seconds < settings.min_off_seconds:
            return f"off for {off_seconds:.1f} s only: min_off_seconds is {settings.min_off_seconds:g}"
        if settings.interlock is None:
            return ""
        dead_time_seconds = self._interlocks[settings.interlock].dead_time_seconds
        for other, peer in self.switches.items():
            if other == name or peer.settings.interlock != settings.interlock:
                continue
            if peer.state == "ON":
                return f"interlocked with {other}, which is on"
            if not peer.sure or peer.latched == "ON":
                return f"interlocked with {other}, which may still be on: its expander does not answer"
            off_seconds = now - peer.latched_since
            if off_seconds < dead_time_seconds:
                return (
                    f"interlocked with {other}, off for {off_seconds:.1f} s: the dead time is {dead_time_seconds:g} s"
                )
        return ""


def age_seconds(command: OutputCommand) -> float | None:
    """Return how old a command was when it reached this device; None when our clock is not set.

    Both times are compared as they stood at that one instant, by the process that took the command in: a step of the
    clock since then changes nothing (the way from there is bounded by the request's own, monotonic, deadline). A
    command that was issued here, or brought no time, has the same clock in both, right or wrong: it is new.
    """
    age = command.time_ns / 1e9 - command.issued_at.timestamp()
    if abs(age) < SAME_CLOCK_SECONDS:
        return 0.0
    return None if command.time_ns < CLOCK_SET_NS else age


def _staleness(command: OutputCommand, age_seconds: float | None, switch: Switch | None) -> str:
    if age_seconds is None:
        # The failsafe state can be had without knowing how old the wish is; all else waits for the clock.
        safe = switch is not None and command.state == switch.settings.failsafe and command.seconds is None
        return "" if safe else "how old it is can't be told: the clock of this device is not set yet"
    if age_seconds > command.ttl_seconds:
        return f"stale: issued {age_seconds:.1f} s ago, its ttl is {command.ttl_seconds:g} s"
    if age_seconds < -command.ttl_seconds:
        return f"issued {-age_seconds:.1f} s in the future: check the clocks"
    return ""
