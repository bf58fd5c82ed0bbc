"""Ask another service through the hub, and answer: every request gets one answer or one error in time."""

import itertools
import time
from collections.abc import Callable
from typing import Any

import zmq

from picket.bus import U64, Endpoints, dial, hang_up
from picket.bus.frames import split
from picket.errors import WireError

REGISTER_SECONDS = 1.0

Answer = Callable[[bytes | None, str], None]  # (body, "") or (None, why there is none)


class Requester:
    """Asks whoever serves a topic."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: Endpoints,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make ready to ask."""
        self._clock = clock
        self._ids = itertools.count(1)
        self._waiting: dict[bytes, tuple[float, Answer]] = {}
        self.socket: Any = dial(context, zmq.DEALER, endpoints.request)

    def request(self, topic: str, body: bytes, timeout_seconds: float, answer: Answer) -> None:
        """Ask, and have `answer` called once: with the reply, or with why there is none."""
        deadline = self._clock() + timeout_seconds
        number = U64.pack(next(self._ids))
        self._waiting[number] = (deadline, answer)
        frames = [b"request", number, topic.encode(), U64.pack(int(deadline * 1e9)), body]
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            self._finish(number, None, "the hub is away")

    def receive(self) -> None:
        """Hand on the answers that have come; to be called when `socket` is readable."""
        while True:
            try:
                frames = split(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            except WireError:
                continue
            if len(frames) == 3 and frames[0] == b"reply":
                self._finish(frames[1], frames[2], "")
            elif len(frames) == 3 and frames[0] == b"error":
                self._finish(frames[1], None, frames[2].decode(errors="replace"))

    def tick(self) -> None:
        """Give up on what has not been answered in time."""
        now = self._clock()
        for number in [n for n, (deadline, _) in self._waiting.items() if deadline <= now]:
            self._finish(number, None, "no answer in time")

    def close(self) -> None:
        """Hang up."""
        hang_up(self.socket)

    def _finish(self, number: bytes, body: bytes | None, why: str) -> None:
        waiting = self._waiting.pop(number, None)
        if waiting:
            waiting[1](body, why)


class Responder:
    """Serves the topics that begin with `prefix`."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: Endpoints,
        prefix: str,
        serve: Callable[[str, bytes, float], bytes | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Answer with what `serve(topic, body, received)` returns; None answers nothing."""
        self._clock = clock
        self._prefix = prefix.encode()
        self._serve = serve
        self._registered = float("-inf")
        self.expired = 0
        self.socket: Any = dial(context, zmq.DEALER, endpoints.request)

    def tick(self) -> None:
        """Say what is served, every second: the hub may be a new one."""
        if self._clock() - self._registered >= REGISTER_SECONDS:
            try:
                self.socket.send_multipart([b"serve", self._prefix], zmq.NOBLOCK)
                self._registered = self._clock()
            except zmq.Again:
                pass  # the hub is away: said again at the next tick

    def receive(self) -> None:
        """Serve what has come; to be called when `socket` is readable. Who asked has given up on a late one."""
        while True:
            try:
                frames = split(self.socket.recv(zmq.NOBLOCK))
            except zmq.Again:
                return
            except WireError:
                continue
            if len(frames) != 6 or frames[0] != b"request":
                continue
            _, client, number, topic, deadline, body = frames
            now = self._clock()
            if now * 1e9 > U64.unpack(deadline)[0]:
                self.expired += 1
                continue
            reply = self._serve(topic.decode(errors="replace"), body, now)
            if reply is not None:
                try:
                    self.socket.send_multipart([b"reply", client, number, reply], zmq.NOBLOCK)
                except zmq.Again:
                    pass  # the hub went away: who asked is told so by its own clock

    def close(self) -> None:
        """Hang up."""
        hang_up(self.socket)
