"""supervisord, as the release starts it."""

import signal
from collections.abc import Iterator

import pytest

from picket_base.supervise import Woken

FOR_EVER = 1e6


@pytest.fixture
def poller() -> Iterator[Woken]:
    """A poller, as supervisord makes one; Python has a handler for the signal of a process's end."""
    before = signal.signal(signal.SIGCHLD, lambda *_: None)
    yield Woken(options=None)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, before)


def test_a_process_that_ends_is_seen_at_once(poller: Woken) -> None:
    for _ in range(2):
        signal.raise_signal(signal.SIGCHLD)

        assert poller.poll(FOR_EVER) == ([], [])
