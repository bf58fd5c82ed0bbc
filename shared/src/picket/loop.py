"""One thread's loop over sockets and timers: what every service but the sampler's thread runs in.

A callback that raises ends the loop: what can be mended is caught where it happens, the rest ends the process,
and the supervisor starts a clean one.
"""

import heapq
import itertools
import math
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import zmq

Callback = Callable[[], None]


class Timer:
    """A call that is due; `cancel` takes it back."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        """Hold the call."""
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Let it not happen."""
        self.callback = None


class Loop:
    """Calls back when a socket is readable (or writable) and when a time has come; times are `time.monotonic`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Make a loop; nothing runs before `run`."""
        self.now = clock
        self._poller = zmq.Poller()
        self._readers: dict[Any, Callback] = {}
        self._writers: dict[Any, Callback] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopping = False
        self._failure: BaseException | None = None
        self._on_wake: list[Callback] = []
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.on_readable(self._wake_out.fileno(), self._drain)

    def on_readable(self, source: Any, callback: Callback | None, writable: Callback | None = None) -> None:
        """Call back when a zmq socket or a file descriptor can be read (or written); None ends it."""
        self._readers.pop(source, None)
        self._writers.pop(source, None)
        if callback is None and writable is None:
            with suppress(KeyError):
                self._poller.unregister(source)
            return
        if callback:
            self._readers[source] = callback
        if writable:
            self._writers[source] = writable
        self._poller.register(source, (zmq.POLLIN if callback else 0) | (zmq.POLLOUT if writable else 0))

    def at(self, when: float, callback: Callback) -> Timer:
        """Call back once at a time."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def every(self, seconds: float, callback: Callback) -> None:
        """Call back again and again, first after `seconds`; a late call is not made up for."""
        due = self.now() + seconds

        def again() -> None:
            nonlocal due
            due = due + seconds if due + seconds > self.now() else self.now() + seconds
            self.at(due, again)
            callback()

        self.at(due, again)

    def on_wake(self, callback: Callback) -> None:
        """Call back, in the loop's own thread, after each `wake`."""
        self._on_wake.append(callback)

    def wake(self) -> None:
        """Let the loop look around: from a signal handler or another thread."""
        with suppress(BlockingIOError, OSError):
            self._wake_in.send(b"\0")

    def stop(self) -> None:
        """End `run` after the callback that runs now, or at once where it has not begun."""
        self._stopping = True
        self.wake()

    def fail(self, failure: BaseException) -> None:
        """End `run` with another thread's failure."""
        self._failure = failure
        self.stop()

    def stop_on_signals(self) -> None:
        """Stop at SIGTERM or SIGINT, also at one that whoever started this process has held back for it."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            signal.signal(number, lambda *_: self.stop())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def run(self) -> None:
        """Call back until `stop`; raises what `fail` was given."""
        while not self._stopping:
            self.turn(self._patience())
        if self._failure:
            raise self._failure

    def turn(self, patience_seconds: float) -> None:
        """Wait for what comes first, at most so long, and make the calls that are due."""
        for source, event in self._poller.poll(math.ceil(max(0.0, patience_seconds) * 1000)):
            if event & (zmq.POLLIN | zmq.POLLERR) and (reader := self._readers.get(source)):
                reader()
            if event & zmq.POLLOUT and (writer := self._writers.get(source)):
                writer()
        while self._timers and self._timers[0][0] <= self.now():
            _, _, timer = heapq.heappop(self._timers)
            if timer.callback:
                timer.callback()

    def _patience(self) -> float:
        return self._timers[0][0] - self.now() if self._timers else 60.0

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._wake_out.recv(4096):
                pass
        for callback in self._on_wake:
            callback()
