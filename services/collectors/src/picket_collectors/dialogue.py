"""Ask a sensor over its serial port: each question anew until it is answered, and old bytes are no answer."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Generic

from picket_collectors.frames import Frame, Frames
from picket_collectors.serial_port import SerialPort
from picket_collectors.source import Site, SourceError

ANSWER_SECONDS = 2.0
ATTEMPTS = 3


class Dialogue(Generic[Frame]):
    """One sensor's port and the frames that it speaks in."""

    def __init__(self, port: SerialPort, frames: Frames[Frame], site: Site) -> None:
        """Say nothing yet."""
        self._port = port
        self._frames = frames
        self._site = site

    @property
    def discarded(self) -> int:
        """Count the bytes that were of no frame."""
        return self._frames.discarded

    def say(self, command: bytes) -> None:
        """Send what needs no answer."""
        self._port.write(command)

    def answers(self, what: str, command: bytes, attempts: int = ATTEMPTS) -> Iterator[Frame]:
        """Send a command, again and again, and yield what comes; raises SourceError if that is not the answer."""
        self._port.read(self._port.in_waiting)
        self._frames.clear()
        discarded = self.discarded
        for _ in range(attempts):
            self._port.write(command)
            until = self._site.clock() + ANSWER_SECONDS
            while self._site.clock() < until:
                self._site.pause(0)
                yield from self._frames.feed(self._port.read(self._port.in_waiting or 1))
        garbage = self.discarded - discarded
        raise SourceError(f"no answer to '{what}'" + (f", but {garbage} bytes of something else" if garbage else ""))

    def close(self, last_words: bytes = b"") -> None:
        """Hang up, if it still can be said with last words; never raises."""
        with suppress(OSError):
            self._port.write(last_words)
        with suppress(OSError):
            self._port.close()

    def is_heard(self, command: bytes) -> bool:
        """Tell whether a frame comes of who is asked: whether this is the sensor, and no other."""
        try:
            next(self.answers("who is there", command, attempts=2))
        except SourceError:
            return False
        return True
