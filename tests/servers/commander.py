"""Commands the guard over the bus, as the gateway does."""

import time
from datetime import UTC, datetime

import msgspec

from picket.bus.requests import Requester
from picket.messages import OnOff, OutputCommand, OutputResult, encode
from tests.servers.release import Release
from tests.servers.waiting import wait_for

TTL_SECONDS = 30.0
PATIENCE_SECONDS = 20.0


class Commander:
    """A way to the outputs of a release."""

    def __init__(self, release: Release) -> None:
        """Dial the hub."""
        self._requester = Requester(release.context, release.endpoints)

    def command(self, output: str, state: OnOff, seconds: float | None = None) -> OutputResult | None:
        """Command an output and wait for the guard's answer; None where there is none."""
        wish = OutputCommand(
            time_ns=time.time_ns(),
            id=f"c{time.time_ns()}",
            output=output,
            state=state,
            seconds=seconds,
            issued_at=datetime.now(UTC),
            ttl_seconds=TTL_SECONDS,
            origin="test",
        )
        answers: list[tuple[bytes | None, str]] = []
        self._requester.request(
            f"output.command.{output}", encode(wish), PATIENCE_SECONDS, lambda *answer: answers.append(answer)
        )

        def answered() -> bool:
            self._requester.receive()
            self._requester.tick()
            return bool(answers)

        wait_for("an answer", answered)
        body = answers[0][0]
        return None if body is None else msgspec.json.decode(body, type=OutputResult)
