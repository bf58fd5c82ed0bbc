"""Find the commands in what a serial sensor hears."""

from collections.abc import Callable, Iterator


class Commands:
    """Takes bytes in whatever pieces they come, and finds the next command after any that are of none."""

    def __init__(self, head: bytes, size: int, is_right: Callable[[bytes], bool]) -> None:
        """Begin with nothing heard; a command has `size` bytes, begins with `head`, and is right by its checksum."""
        self._head = head
        self._size = size
        self._is_right = is_right
        self._heard = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the commands that `data` completes."""
        self._heard += data
        while (start := self._heard.find(self._head)) >= 0 and len(self._heard) >= start + self._size:
            command = self._heard[start : start + self._size]
            if self._is_right(command):
                self._heard = self._heard[start + self._size :]
                yield command
            else:
                self._heard = self._heard[start + len(self._head) :]
        self._heard = self._heard[-self._size :]

    def forget(self) -> None:
        """Lose what has begun, as with a loss of power; what follows it in the same piece too."""
        self._heard = b""
