"""The service: commands in, pins driven, one result each; deadlines on the loop; failsafe at the end."""

import time

from picket.errors import WireError
from picket.latency import Percentiles
from picket.loop import Timer
from picket.messages import OnOff, OutputCommand, OutputResult, OutputState, decode, encode, utc
from picket.service import Runtime
from picket_relay.expanders import expanders
from picket_relay.guard import Guard

TEND_SECONDS = 1.0


class Relay:
    """Serves `output.command.`, and is the only one that writes the expanders."""

    def __init__(self, runtime: Runtime) -> None:
        """Bring every output to its default state, then serve."""
        self._loop = runtime.loop
        self._producer = runtime.producer
        self._guard = Guard(runtime.config.outputs)
        self._expander_of = expanders(runtime.config, runtime.health)
        self._timer: Timer | None = None
        self._latencies_ms = Percentiles()
        runtime.health.figure("command_to_pin_ms", self._latencies_ms.summary)
        for expander in set(self._expander_of.values()):
            expander.drive(self._states())
            runtime.closing.callback(expander.close)
        for name in runtime.config.outputs:
            self._tell(name)
        runtime.closing.callback(self._fail_safe)
        responder = runtime.serve("output.command.", self._serve)
        runtime.health.figure("commands_expired", lambda: responder.expired)
        self._loop.every(TEND_SECONDS, self._tend)

    def _serve(self, topic: str, body: bytes, _received: float) -> bytes | None:
        try:
            command = decode(topic, body)
        except WireError:
            return None  # the asker is at fault, and is told by its own clock
        if not isinstance(command, OutputCommand):
            return None
        now, wall_ns = self._loop.now(), time.time_ns()
        before = self._states()
        answer = self._guard.command(command, now, wall_ns / 1e9 - command.issued_at.timestamp())
        accepted, reason = answer.accepted, answer.reason
        if answer.output and not self._expander_of[answer.output].drive(self._states()):
            self._guard.take_back(answer.output, now, "the expander does not answer")
            accepted, reason = False, "the output's expander does not answer"
        latency_ms = (time.time_ns() - command.time_ns) / 1e6
        if accepted:
            self._latencies_ms.add(latency_ms)
        switch = self._guard.switches.get(command.output)
        result = OutputResult(
            time_ns=time.time_ns(),
            id=command.id,
            output=command.output,
            accepted=accepted,
            reason=reason,
            state=switch.state if switch else "UNKNOWN",
            latency_ms=round(latency_ms, 3),
            origin=command.origin,
        )
        if answer.output and (accepted or self._states() != before):
            self._tell(answer.output)
        self._producer.publish(f"output.result.{command.output}", result)
        self._schedule()
        return encode(result)

    def _end_due(self) -> None:
        ended = self._guard.end_due(self._loop.now())
        states = self._states()
        for expander in {self._expander_of[name] for name in ended}:
            expander.drive(states)  # one that does not answer is tried again by _tend
        for name in ended:
            self._tell(name)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer:
            self._timer.cancel()
        deadline = self._guard.next_deadline()
        self._timer = None if deadline is None else self._loop.at(deadline, self._end_due)

    def _tend(self) -> None:
        states = self._states()
        for expander in set(self._expander_of.values()):
            expander.tend(states)

    def _fail_safe(self) -> None:
        before = self._states()
        self._guard.fail_safe(self._loop.now(), "the guard stops")
        states = self._states()
        for expander in set(self._expander_of.values()):
            expander.drive(states)
        for name, state in states.items():
            if state != before[name]:
                self._tell(name)

    def _states(self) -> dict[str, OnOff]:
        return {name: switch.state for name, switch in self._guard.switches.items()}

    def _tell(self, name: str) -> None:
        switch = self._guard.switches[name]
        now_ns = time.time_ns()
        left = None if switch.deadline is None else switch.deadline - self._loop.now()
        state = OutputState(
            time_ns=now_ns,
            output=name,
            state=switch.state,
            until=None if left is None else utc(now_ns + int(left * 1e9)),
            why=switch.why,
        )
        self._producer.publish(f"output.state.{name}", state)
