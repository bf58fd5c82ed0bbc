"""Ports of this machine that nobody uses.

They are none that the kernel gives to an outgoing connection, for between being found here and being listened at, any
connection of the machine might take it; one that dials a port before its server is up can even reach itself. And each
process that asks has a range of its own, whose first port it holds for as long as it lives.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from itertools import cycle
from threading import Lock

FIRST, END = 10_000, 32_000  # above what servers are known by, and below Linux's ip_local_port_range
RANGE = 500

_one_at_a_time = Lock()


def free_ports(count: int) -> list[int]:
    """Return so many free TCP ports of 127.0.0.1, all different, and none that was returned lately."""
    with _one_at_a_time:
        _, ours = _claim()
        found: list[int] = []
        for port in ours:
            with suppress(OSError):
                socket.create_server(("127.0.0.1", port)).close()
                found.append(port)
            if len(found) == count:
                break
        return found


@cache
def _claim() -> tuple[socket.socket, Iterator[int]]:
    """Return what holds a range of ports that no other process of tests has, and these ports again and again."""
    for first in range(FIRST, END, RANGE):
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", first)), cycle(range(first + 1, first + RANGE))
    raise AssertionError(f"the first ports of all ranges from {FIRST} to {END} are taken")
