"""Where a server is, as people write it: `host`, `host:port` or `[IPv6]:port`."""

import re
from typing import NamedTuple

from picket.errors import ConfigError

RSYSLOG_PORT = 514

_ADDRESS = re.compile(r"^(?:([A-Za-z0-9._-]+)|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?$")


class Address(NamedTuple):
    """A host's name or number, and a TCP port."""

    host: str
    port: int


def parse_address(text: str, default_port: int) -> Address:
    """Read an address; raises ConfigError with what was expected."""
    match = _ADDRESS.match(text)
    port = int(match[3] or default_port) if match else 0
    if not match or not 1 <= port <= 65535:
        raise ConfigError(f"expected host or host:port, got {text!r}")
    return Address(match[1] or match[2], port)
