"""Send messages so that none is lost: each is kept until the hub has committed it.

The memory is bounded: when it is full the oldest reading goes first, then the oldest state or result, and an event only
where there is nothing else; what was dropped is counted. Order is kept: the hub takes a message only if the one before
it, as far as it is still held here, has arrived, and else asks to go back.
"""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec
import zmq

from picket.bus import FLUSH, HEADER, MAX_MESSAGE_BYTES, U64, Endpoints, dial, hang_up
from picket.bus.frames import split
from picket.bus.priority import PRIORITIES, priority
from picket.errors import WireError
from picket.messages import LIVE_ONLY, Message, encode

WINDOW = 512
RESEND_SECONDS = 3.0  # the hub holds readings back for up to one, for others to be committed with them


class Producer:
    """A numbered stream of messages to the hub.

    `publish` may be called from any thread; all else belongs to the thread that made it: it alone touches the socket.
    """

    def __init__(
        self,
        context: "zmq.Context[zmq.Socket[bytes]]",
        endpoints: Endpoints,
        name: str,
        device: str,
        *,
        wake: Callable[[], None] = lambda: None,
        max_messages: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Identify as `name` and this start, so that a restarted producer is told from a repeated message.

        `wake` has the owning thread call `tick` soon, after another thread has published.
        """
        self._clock = clock
        self._device = device
        self._max_messages = max_messages
        self._wake = wake
        self._owner = threading.get_ident()
        self._lock = threading.RLock()
        self._live: deque[tuple[bytes, bytes]] = deque()
        self._outbox: deque[tuple[int, bytes, bytes]] = deque()
        self._sent = 0  # so many of the outbox, from its head, are on their way
        self._last_progress = clock()
        self._seq = 0
        self.dropped = 0
        self.socket: Any = dial(context, zmq.DEALER, endpoints.ingest, f"{name}:{secrets.token_hex(6)}")

    @property
    def pending(self) -> int:
        """Count what the hub has not committed yet."""
        return len(self._outbox)

    def publish(self, topic: str, message: Message) -> None:
        """Stamp a message and send it; it is kept until the hub has it. Raises WireError for one too large."""
        with self._lock:
            live_only = topic.startswith(LIVE_ONLY)
            seq = self._seq + (not live_only)
            stamped = msgspec.structs.replace(message, device=self._device, seq=seq)
            body = encode(stamped)
            if len(body) > MAX_MESSAGE_BYTES:
                raise WireError(f"{topic}: {len(body)} bytes are more than a message may have ({MAX_MESSAGE_BYTES})")
            if live_only:
                self._live.append((topic.encode(), body))
            else:
                self._hold(seq, topic.encode(), body)
            if threading.get_ident() == self._owner:
                self._pump()
                return
        self._wake()

    def tick(self) -> None:
        """Take in what the hub has acknowledged, and send again what it seems to have lost."""
        with self._lock:
            self.receive()
            if self._outbox and self._clock() - self._last_progress > RESEND_SECONDS:
                self._go_back()
            self._pump()

    def receive(self) -> None:
        """Take in the hub's acknowledgements; to be called when `socket` is readable."""
        with self._lock:
            while True:
                try:
                    word, number = split(self.socket.recv(zmq.NOBLOCK))
                except zmq.Again:
                    break
                except ValueError:
                    continue  # no frame of ours
                seq = U64.unpack(number)[0]
                while self._outbox and self._outbox[0][0] <= seq:
                    self._outbox.popleft()
                    self._sent = max(0, self._sent - 1)
                    self._last_progress = self._clock()
                if word == b"back":
                    self._go_back()
            self._pump()

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until the hub has everything; False if it has not in time."""
        deadline = self._clock() + timeout_seconds
        while self._outbox and self._clock() < deadline:
            self.tick()
            self._send([FLUSH])
            self.socket.poll(50)
            self.receive()
        return not self._outbox

    def close(self) -> None:
        """Hang up."""
        with self._lock:
            hang_up(self.socket)

    def _hold(self, seq: int, topic: bytes, body: bytes) -> None:
        self._seq = seq
        if not self._outbox:
            self._last_progress = self._clock()
        self._outbox.append((seq, topic, body))
        if len(self._outbox) > self._max_messages:
            self._drop_one()

    def _go_back(self) -> None:
        self._sent = 0
        self._last_progress = self._clock()

    def _pump(self) -> None:
        while self._live:
            self._send([HEADER.pack(0, 0), *self._live.popleft()])  # heard now or never
        while self._sent < min(len(self._outbox), WINDOW):
            seq, topic, body = self._outbox[self._sent]
            after = self._outbox[self._sent - 1][0] if self._sent else 0
            if not self._send([HEADER.pack(seq, after), topic, body]):
                return
            self._sent += 1

    def _send(self, frames: list[bytes]) -> bool:
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def _drop_one(self) -> None:
        index = next(
            index
            for level in range(len(PRIORITIES))
            for index, (_, topic, _) in enumerate(self._outbox)
            if priority(topic.decode()) == level
        )
        del self._outbox[index]
        self._sent -= index < self._sent
        self.dropped += 1
