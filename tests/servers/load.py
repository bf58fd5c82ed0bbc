"""A load on the hub from producers that outlive it: all kinds of messages, each known, so that it can be looked for.

Its clock is as coarse as many are: messages of one source that bear the same time are still two.
"""

import itertools
import random
import time
from collections.abc import Iterator
from threading import Thread

from msgspec.structs import replace

from picket.bus.producer import Producer
from picket.loop import Loop
from picket.messages import Fault, InputEvent, InputState, Message, OutputResult, Reading, utc
from tests.servers.release import Release
from tests.servers.waiting import wait_for

INPUTS = ("hall", "attic", "yard")
PACE_SECONDS = 0.02
MOST_AT_ONCE = 3
CLOCK_NS = 10_000_000
SHARES = {"event": 80, "reading": 95, "state": 12, "result": 12, "fault": 1}


class Load:
    """One producer an input, on a loop and a thread of their own; each publishes 100 messages a second."""

    def __init__(self, release: Release, seed: int) -> None:
        """Be ready; `seed` decides what is published."""
        self.published: dict[str, list[Message]] = {}
        self.count = 0
        self._release = release
        self._loop = Loop()
        self._producers: list[Producer] = []
        self._finishing = False
        self._thread = Thread(target=self._run, args=(random.Random(seed),), daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    @property
    def pending(self) -> int:
        """Count what the hub has not accepted yet."""
        return sum(producer.pending for producer in self._producers)

    @property
    def accepted(self) -> int:
        """Count what the hub has accepted."""
        return self.count - self.pending

    @property
    def dropped(self) -> int:
        """Count what the producers had no room for: it was never accepted."""
        return sum(producer.dropped for producer in self._producers)

    def finish(self) -> None:
        """Publish no more, and wait until the hub has accepted everything."""
        self._finishing = True
        wait_for("the hub to accept everything", lambda: not self.pending, 180)
        self.stop()

    def stop(self) -> None:
        """End the thread, whatever is still pending."""
        self._loop.stop()
        self._thread.join(60)

    def _run(self, chance: random.Random) -> None:
        for name in INPUTS:
            producer = self._release.producer(f"load-{name}")
            self._producers.append(producer)
            self._loop.on_readable(producer.socket, producer.receive)
            self._loop.every(0.1, producer.tick)
            self._publish_from(life(name, random.Random(chance.random())), producer, chance)
        self._loop.run()
        for producer in self._producers:
            producer.close()

    def _publish_from(self, source: Iterator[tuple[str, Message]], producer: Producer, chance: random.Random) -> None:
        def publish() -> None:
            if not self._finishing:
                for _ in range(chance.randint(1, MOST_AT_ONCE)):
                    topic, message = next(source)
                    self.published.setdefault(topic, []).append(message)
                    self.count += 1
                    producer.publish(topic, message)

        self._loop.every(PACE_SECONDS, publish)


def life(name: str, chance: random.Random) -> Iterator[tuple[str, Message]]:
    """Yield what happens at one input, by topic: episodes and faults that begin and end, and what is numbered."""
    episodes, faults = _episodes(name, chance), _faults(name)
    kinds, shares = tuple(SHARES), tuple(SHARES.values())
    for number in itertools.count(1):
        match chance.choices(kinds, shares)[0]:
            case "event":
                yield f"event.input.{name}", next(episodes)
            case "fault":
                yield f"fault.load_{name}", next(faults)
            case "reading":
                values: dict[str, float | None] = {"n": float(number)}
                yield f"reading.{name}", Reading(time_ns=coarse_ns(), source=name, kind="load", values=values)
            case "state":
                state = InputState(time_ns=coarse_ns(), input=name, motion="ON", zone="alarm", volts=float(number))
                yield f"input.state.{name}", state
            case "result":
                yield f"output.result.{name}", _result(name, number)


def _episodes(name: str, chance: random.Random) -> Iterator[Message]:
    for number in itertools.count(1):
        now = coarse_ns()
        new = InputEvent(
            time_ns=now,
            id=f"{name}-{number}",
            type="new",
            input=name,
            zone="alarm",
            began_at=utc(now),
            why="a pulse",
        )
        yield new
        if chance.random() < 0.5:
            yield replace(new, type="update", time_ns=coarse_ns(), pulses=2)
        now = coarse_ns()
        yield replace(new, type="end", time_ns=now, ended_at=utc(now))


def _faults(name: str) -> Iterator[Message]:
    for number in itertools.count(1):
        subject = f"probe {number}"
        begin = Fault(time_ns=coarse_ns(), service=f"load_{name}", subject=subject, state="begin", text="gone")
        yield begin
        yield replace(begin, time_ns=coarse_ns(), state="end", text="works again")


def _result(name: str, number: int) -> Message:
    return OutputResult(
        time_ns=coarse_ns(),
        id=f"{name}-{number}",
        output=name,
        accepted=True,
        reason="",
        state="ON",
        origin="load",
    )


def coarse_ns() -> int:
    """Tell the time as a coarse clock does."""
    return time.time_ns() // CLOCK_NS * CLOCK_NS
