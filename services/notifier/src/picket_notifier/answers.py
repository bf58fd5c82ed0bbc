"""What an address's answer means: taken, to be tried again, or never to be taken."""

from collections.abc import Collection

from picket.errors import PicketError

MOST_TEXT = 300


class AwayError(PicketError, ConnectionError):
    """The address did not take it now: it is to be tried again, after `retry_seconds` if it said so."""

    def __init__(self, text: str, retry_seconds: float | None = None, *, busy: bool = False) -> None:
        """Say why; `busy` is an address that works, and wants less."""
        super().__init__(text[:MOST_TEXT])
        self.retry_seconds = retry_seconds
        self.busy = busy


class RefusedError(PicketError, ValueError):
    """The address will never take this one."""


def judge(status: int, text: str, retry_seconds: float | None, mendable: Collection[int] = ()) -> None:
    """Raise AwayError or RefusedError for a status that is no success; `mendable` are the 4xx of a wrong address."""
    if 200 <= status < 300:
        return
    if status < 400 or status >= 500 or status in (408, 429, *mendable):
        raise AwayError(f"{status} {text}", retry_seconds, busy=status == 429)
    raise RefusedError(f"{status} {text}"[:MOST_TEXT])
