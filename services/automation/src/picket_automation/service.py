"""The service: states and readings heard live, rules and thresholds judged. No broker is in the way."""

import logging
import secrets
import time

from picket.config.rules import What
from picket.messages import InputState, Message, OutputCommand, OutputState, Reading, encode, utc
from picket.service import Runtime
from picket_automation.alerts import Alerts
from picket_automation.engine import Engine, Fired

COMMAND_TTL_SECONDS = 5.0

log = logging.getLogger("automation")


class Automation:
    """Hears inputs, outputs and readings; commands outputs, and alerts."""

    def __init__(self, runtime: Runtime) -> None:
        """Hear the states; nothing fires on how things stand at the start."""
        self._loop = runtime.loop
        self._health = runtime.health
        self._engine = Engine(runtime.config.rules)
        self._requester = runtime.requester()
        self._alerts = Alerts(runtime, self._hear_threshold)
        self._counts = {"fired": 0, "held_back": 0, "failed": 0}
        runtime.health.figure("rules", lambda: dict(self._counts))
        runtime.hear(["input.state.", "output.state.", *self._alerts.topics], self._hear)

    def _hear(self, _topic: str, message: Message) -> None:
        match message:
            case InputState():
                self._take("input", message.input, message.zone, "motion" if message.motion == "ON" else "clear")
            case OutputState():
                self._take("output", message.output, message.state.lower())
            case Reading():
                self._alerts.hear(message)

    def _hear_threshold(self, name: str, active: bool) -> None:
        self._take("threshold", name, "active" if active else "clear")

    def _take(self, what: What, name: str, *words: str) -> None:
        for fired in self._engine.take(what, name, frozenset(words), self._loop.now()):
            self._act(fired)

    def _act(self, fired: Fired) -> None:
        if fired.held_back:
            self._counts["held_back"] += 1
            log.debug("rule %s held back: %s", fired.rule, fired.held_back)
            return
        self._counts["fired"] += 1
        now_ns = time.time_ns()
        command = OutputCommand(
            time_ns=now_ns,
            id=f"{fired.rule}-{secrets.token_hex(4)}",
            output=fired.action.output,
            state=fired.action.state,
            seconds=fired.action.seconds,
            issued_at=utc(now_ns),
            ttl_seconds=COMMAND_TTL_SECONDS,
            origin=f"rule {fired.rule}",
        )
        topic = f"output.command.{command.output}"
        self._requester.request(
            topic, encode(command), COMMAND_TTL_SECONDS, lambda body, why: self._answered(fired.rule, body, why)
        )

    def _answered(self, rule: str, body: bytes | None, why: str) -> None:
        subject = f"rule {rule}"
        if body is None:
            self._counts["failed"] += 1
            self._health.begin(subject, f"its command was not carried out: {why}")
        else:
            self._health.end(subject)
