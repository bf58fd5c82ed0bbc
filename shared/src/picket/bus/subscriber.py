"""Hear the live messages: at most once, microseconds after they were sent."""

from collections.abc import Callable, Iterable
from typing import Any

import zmq

from picket.bus import Endpoints, dial, hang_up


class Subscriber:
    """Hears the topics that begin with any of `prefixes`; the hub repeats the last state of each to a newcomer."""

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: Endpoints,
        prefixes: Iterable[str],
        deliver: Callable[[str, bytes], None],
    ) -> None:
        """Call `deliver(topic, body)` for each message, from `receive`."""
        self._deliver = deliver
        self.socket: Any = dial(context, zmq.SUB, endpoints.live)
        for prefix in prefixes:
            self.socket.subscribe(prefix)

    def receive(self) -> None:
        """Deliver all that has come; to be called when `socket` is readable."""
        while True:
            try:
                topic, body = self.socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            except ValueError:
                continue  # no frames of ours
            self._deliver(topic.decode(errors="replace"), body)

    def close(self) -> None:
        """Hang up."""
        hang_up(self.socket)
