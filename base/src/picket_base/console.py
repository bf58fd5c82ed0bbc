"""The health of a running release, in the terminal: each service once, then what changes."""

import time
from collections.abc import Iterator

from picket.errors import WireError
from picket.messages import Health, decode
from picket.service import Runtime, run

SILENT_SECONDS = 15.0


class Board:
    """What is known of each service: a pure machine that yields the lines worth saying."""

    def __init__(self) -> None:
        """Begin knowing nothing."""
        self._said: dict[str, str] = {}
        self._heard: dict[str, float] = {}

    def hear(self, health: Health, now: float) -> Iterator[str]:
        """Take in a beat."""
        self._heard[health.service] = now
        faults = "; ".join(f"{subject}: {text}" for subject, text in health.faults.items())
        yield from self._say(health.service, f"{health.state}  {faults}".strip())

    def look(self, now: float) -> Iterator[str]:
        """Name who has fallen silent."""
        for service, heard in self._heard.items():
            if now - heard > SILENT_SECONDS:
                yield from self._say(service, "silent")

    def _say(self, service: str, text: str) -> Iterator[str]:
        if self._said.get(service) != text:
            self._said[service] = text
            yield f"  {service:16} {text}"


class Console:
    """Prints the board."""

    def __init__(self, runtime: Runtime) -> None:
        """Hear every service's health."""
        self._board = Board()
        self._now = runtime.loop.now
        runtime.subscribe(["health."], self._hear)
        runtime.loop.every(1.0, lambda: self._print(self._board.look(self._now())))

    def _hear(self, topic: str, body: bytes) -> None:
        try:
            message = decode(topic, body)
        except WireError:
            return
        if isinstance(message, Health) and message.service != "console":
            self._print(self._board.hear(message, self._now()))

    @staticmethod
    def _print(lines: Iterator[str]) -> None:
        for line in lines:
            print(time.strftime("%H:%M:%S"), line, flush=True)  # noqa: T201


if __name__ == "__main__":
    run("console", Console)
