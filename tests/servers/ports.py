"""Ports of this machine that nobody uses."""

import socket


def free_ports(count: int) -> list[int]:
    """Return so many free TCP ports of 127.0.0.1, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
