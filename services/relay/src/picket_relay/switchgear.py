"""Do what the guard decides: the ledger first, then the chips, then say what they drive.

The order of a command that switches something on:

    judge      the guard takes the position, or refuses
    write      position and answer are on the disk; if they can't be, the position is taken back
    drive      the pins change; if the chip does not answer, the output goes to its failsafe state

What goes off goes off first and is written after: a broken disk never keeps anything on.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import structs

from picket.config import Config
from picket.health import HealthBeat
from picket.messages import OnOff, OutputCommand
from picket_relay.expanders import Expander
from picket_relay.guard import Answer, Guard, Running, Switch, Tally
from picket_relay.ledger import Ledger, Past

RETRY_SECONDS = 0.1
WRITE_TALLIES_SECONDS = 60.0


class Shown(NamedTuple):
    """What there is to say of an output: what its chip was last known to drive, until when, and why."""

    state: OnOff
    deadline: float | None
    why: str


class Switchgear:
    """Guard, ledger and expanders; the one way to the pins."""

    def __init__(
        self,
        config: Config,
        expander_of: Mapping[str, Expander],
        ledger: Ledger,
        health: HealthBeat,
        clock: Callable[[], float],
    ) -> None:
        """Stand before the outputs, with a monotonic clock; nothing is read or written yet."""
        self.guard = Guard(config.outputs, config.interlocks, clock())
        self._clock = clock
        self._expander_of = expander_of
        self._expanders = list(dict.fromkeys(expander_of.values()))
        self._ledger = ledger
        self._health = health
        self._written: dict[str, Running] = {}
        self._written_tallies: dict[str, Tally] = {}
        self._tallies_due = clock() + WRITE_TALLIES_SECONDS
        self._write_failed = False

    def start(self) -> None:
        """Compare the chips with the ledger, end what a dead guard left running, and bring all outputs to rest.

        What ran is aborted, never finished: the watcher may have ended it already, and a guard's death must mean the
        same however soon the next one comes.
        """
        now = self._clock()
        past = self._ledger.read()
        for answer in past.answers:
            self.guard.remember(answer)
        for name, tally in past.tallies.items():
            if switch := self.guard.switches.get(name):
                switch.tally = tally
        found = {expander: expander.find() for expander in self._expanders}
        texts = self._abort(past, {name: (found[e] or {}).get(name) for name, e in self._expander_of.items()}, now)
        if past.damage:
            self._health.begin("ledger", f"{past.damage}; all outputs go to their failsafe state")
            self.guard.fail_safe(now, "the ledger was damaged")
        for expander, states in found.items():
            if states is None:
                self.guard.doubt(expander.names)
            else:
                self._drive(expander)
        if self._write():
            self._health.end("ledger", "a new one is begun")
        for name, text in texts.items():
            self._health.begin(f"output {name}", text)
            self._health.end(f"output {name}", "it is safe")

    def command(self, command: OutputCommand, age_seconds: float | None) -> Answer:
        """Judge a command, and do it if it is accepted."""
        now = self._clock()
        switch = self.guard.switches.get(command.output)
        before = switch and (switch.position, switch.command)
        answer = self.guard.command(command, now, age_seconds)
        if not (answer.accepted and switch and before) or answer.repeated:
            return answer
        first = switch.state == "ON" and switch.settings.failsafe == "OFF"
        if first and not self._write():
            switch.position, switch.command = before
            return self.guard.refuse(answer, "it can't be written down first, and so could outlive a crash")
        if not self._drive(self._expander_of[command.output]):
            if switch.state != switch.settings.failsafe:
                self.guard.fail_safe(now, "the expander does not answer", [command.output])
            answer = self.guard.refuse(answer, "the output's expander does not answer")
        elif switch.state != command.state:
            answer = self.guard.refuse(answer, switch.position.why)
        elif switch.position.since == now:
            switch.postpone(self._clock() - now)  # a pulse is as long as was asked for, from the pin on
        if not first or not answer.accepted:
            self._write()
        return answer

    def end_due(self) -> None:
        """Take back what is due, on as many chips as it takes."""
        for expander in dict.fromkeys(self._expander_of[name] for name in self.guard.end_due(self._clock())):
            self._drive(expander)

    def retry(self) -> None:
        """Try the chips that did not answer again."""
        for expander in self._expanders:
            if not expander.known:
                self._drive(expander)

    def tend(self) -> None:
        """Read the chips back, repair what was lost, and write what the ledger lacks."""
        for expander in self._expanders:
            if not expander.holds():
                self._drive(expander)
        news = self.guard.unwritten or self._written != self.guard.running()
        tallies_due = self._clock() >= self._tallies_due and self._written_tallies != self.tallies()
        if self._write_failed or news or tallies_due:
            self._write()

    def fail_safe(self, why: str) -> bool:
        """Bring all outputs to their failsafe state; False when a chip does not answer."""
        self.guard.fail_safe(self._clock(), why)
        return self._drive_all()

    def rest(self, why: str) -> None:
        """Bring all outputs to their default state."""
        self.guard.rest(self._clock(), why)
        self._drive_all()

    def stop(self) -> bool:
        """Bring all outputs to their failsafe state and close the books; False when a chip does not answer."""
        safe = self.fail_safe("the guard stops")
        self._write()
        self._ledger.close()
        return safe

    def due(self) -> float | None:
        """Return when `end_due` or `retry` has something to do."""
        times = [self.guard.next_deadline()]
        times += [self._clock() + RETRY_SECONDS for expander in self._expanders if not expander.known]
        return min((time for time in times if time is not None), default=None)

    def shown(self) -> dict[str, Shown]:
        """Return what there is to say of each output."""
        return {name: _shown(switch) for name, switch in self.guard.switches.items()}

    def tallies(self) -> dict[str, Tally]:
        """Return the counters of each output."""
        now = self._clock()
        return {name: switch.tally_at(now) for name, switch in self.guard.switches.items()}

    def _abort(self, past: Past, drove: Mapping[str, OnOff | None], now: float) -> dict[str, str]:
        """Give up what the ledger says was running; return what there is to say about it."""
        texts = {}
        for name, running in ({} if past.damage else past.running).items():
            if name not in self.guard.switches:
                continue
            left = None if running.deadline is None or not past.same_boot else running.deadline - now
            chip = {None: "the chip does not answer", running.state: "the chip still drove it"}.get(
                drove[name], "the chip had let it go"
            )
            if left is not None and left <= 0 and drove[name] not in (running.state, None):
                continue  # it had ended; only the note of it is missing
            if not past.same_boot:
                when = "before a reboot"
            elif left is None:
                when = "with no end"
            else:
                when = f"{left:.1f} s before its end" if left > 0 else f"{-left:.1f} s past its end"
            text = f"aborted: the guard died while it was {running.state}, {when}; {chip}"
            texts[name] = text
            self.guard.fail_safe(now, text, [name])
            if answer := self.guard.answers.get(running.command):
                self.guard.remember(structs.replace(answer, reason=text))
        return texts

    def _drive(self, expander: Expander) -> bool:
        """Make a chip drive what is meant, and note what it does drive."""
        if not expander.known:
            found = expander.find()
            if found is None:
                self.guard.doubt(expander.names)
                return False
            self.guard.find(found, self._clock())
        states = self.guard.states()
        if not expander.drive(states):
            self.guard.doubt(expander.names)
            return False
        self.guard.latch({name: states[name] for name in expander.names}, self._clock())
        return True

    def _drive_all(self) -> bool:
        driven = [self._drive(expander) for expander in self._expanders]
        return all(driven)

    def _write(self) -> bool:
        running, tallies = self.guard.running(), self.tallies()
        try:
            self._ledger.write(running, self.guard.answers.values(), self.guard.unwritten, tallies)
        except OSError as error:
            text = f"can't be written: {error.strerror or error}; nothing is switched on meanwhile"
            self._health.begin("ledger", text)
            self._write_failed = True
            return False
        if self._write_failed:
            self._health.end("ledger", "is written again")
        self._write_failed, self.guard.unwritten = False, 0
        self._written, self._written_tallies = running, tallies
        self._tallies_due = self._clock() + WRITE_TALLIES_SECONDS
        return True


def _shown(switch: Switch) -> Shown:
    position = switch.position
    if switch.settled:
        return Shown(position.state, position.deadline, position.why)
    return Shown(switch.latched, None, f"to be {position.state} ({position.why}), but the expander does not answer")
