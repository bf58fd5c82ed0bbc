"""Find the frames of a sensor in what its serial port gives."""

from collections.abc import Callable
from typing import Generic, TypeVar

Frame = TypeVar("Frame")


class Frames(Generic[Frame]):
    """Takes bytes in whatever pieces they come, and finds the next frame after any that are none."""

    def __init__(self, head: int, size: Callable[[bytes], int], parse: Callable[[bytes], Frame | None]) -> None:
        """Begin with nothing received.

        `head` is the first byte of every frame. `size` says of bytes that begin with it how many the frame has: more
        than it was given where it can't tell yet, 0 where none begins there. `parse` reads so many bytes; None where
        they are no frame after all.
        """
        self._head = head
        self._size = size
        self._parse = parse
        self._received = b""
        self.discarded = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes; bytes that are of none are counted as discarded."""
        self._received += data
        frames: list[Frame] = []
        while (start := self._received.find(self._head)) >= 0:
            self._discard(start)
            size = self._size(self._received)
            if len(self._received) < size:
                return frames
            frame = self._parse(self._received[:size]) if size else None
            if frame is None:
                self._discard(1)  # this head began none; the next may
            else:
                frames.append(frame)
                self._received = self._received[size:]
        self._discard(len(self._received))
        return frames

    def clear(self) -> None:
        """Discard what has begun."""
        self._discard(len(self._received))

    def _discard(self, count: int) -> None:
        self.discarded += count
        self._received = self._received[count:]
