"""Take commands from MQTT to the relay, and see to it that each gets exactly one result.

The relay itself publishes the result of what it answered. What is refused here, or was answered by nobody, gets its
result from here: on the bus as well, so that all results reach MQTT by one path, the journal.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable

from picket.messages import OutputCommand, OutputResult, encode
from picket.service import Runtime
from picket_gateway.commands import ORIGIN, Arrival, Refusal, decide

ANSWER_SECONDS = 5.0
LATE_RESULT_SECONDS = 1.0

log = logging.getLogger("gateway")

_NAME = re.compile(r"[a-z0-9_-]{1,40}")


class Dispatch:
    """Asks the relay; `unknown_output(name, result)` publishes what has no place on the bus."""

    def __init__(self, runtime: Runtime, unknown_output: Callable[[str, bytes], None]) -> None:
        """Open the way to the relay."""
        self._runtime = runtime
        self._config = runtime.config
        self._requester = runtime.requester()
        self._unknown_output = unknown_output
        self._open: set[str] = set()  # ids whose result has not been heard
        self._rubbish_logged = False
        self.counts = {"asked": 0, "answered": 0, "refused": 0}

    def receive(self, topic: str, payload: bytes, retained: bool) -> None:
        """Deal with a message for an output."""
        arrival = Arrival(topic, payload, retained, time.time_ns(), secrets.token_hex(8))
        decision = decide(arrival, self._config.outputs, self._config.mqtt.command_ttl_seconds)
        if isinstance(decision, OutputCommand):
            self._ask(decision)
        elif isinstance(decision, Refusal):
            self._refuse(decision)

    def heard(self, result: OutputResult) -> None:
        """Note a result that went over the bus: its command needs none from here."""
        self._open.discard(result.id)

    def _ask(self, command: OutputCommand) -> None:
        def answer(body: bytes | None, why: str) -> None:
            if body is not None:
                self.counts["answered"] += 1
                self._open.discard(command.id)
                return
            # The relay may have acted and only its answer be late; its result is then on its way.
            refusal = Refusal(command.id, command.output, f"the relay is not reachable: {why}")
            self._runtime.loop.at(self._runtime.loop.now() + LATE_RESULT_SECONDS, lambda: self._give_up(refusal))

        self.counts["asked"] += 1
        self._open.add(command.id)
        topic = f"output.command.{command.output}"
        self._requester.request(topic, encode(command), min(command.ttl_seconds, ANSWER_SECONDS), answer)

    def _give_up(self, refusal: Refusal) -> None:
        if refusal.id in self._open:
            self._open.discard(refusal.id)
            self._refuse(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self.counts["refused"] += 1
        result = OutputResult(
            time_ns=time.time_ns(),
            device=self._config.device,
            id=refusal.id,
            output=refusal.output,
            accepted=False,
            reason=refusal.reason,
            state="UNKNOWN",
            origin=ORIGIN,
        )
        if refusal.output in self._config.outputs:
            self._runtime.producer.publish(f"output.result.{refusal.output}", result)
        elif _NAME.fullmatch(refusal.output):
            self._unknown_output(refusal.output, encode(result))
        elif not self._rubbish_logged:
            self._rubbish_logged = True
            log.warning("refused, and not logged again: %s", refusal.reason)
