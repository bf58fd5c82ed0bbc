"""Whether an address answers: "http://host/path" as a request, "host:port" as a connection, "host" at port 443."""

import socket
from time import monotonic
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0
PORT = 443


def reach(address: str, timeout_seconds: float = TIMEOUT_SECONDS) -> str:
    """Say in one line how it went; never raises, and takes `timeout_seconds` for each address of a name at most."""
    began = monotonic()
    try:
        found = _request(address, timeout_seconds) if "://" in address else _connect(address, timeout_seconds)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)  # urllib wraps what happened
        return f"{address} can't be reached: {getattr(reason, 'strerror', None) or reason}"
    return f"{address} {found} after {(monotonic() - began) * 1e3:.0f} ms"


def _connect(address: str, timeout_seconds: float) -> str:
    parts = urlsplit(f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or PORT), timeout_seconds).close()
    except ConnectionRefusedError:
        if parts.port:
            raise
        return "answers"  # only the host was asked for, and it refuses in person
    return "answers"


def _request(address: str, timeout_seconds: float) -> str:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    if not address.startswith(("http://", "https://")):
        raise ValueError("expected http://, https://, host:port or a host")
    try:
        with urlopen(Request(address, method="HEAD"), timeout=timeout_seconds) as response:
            return f"answers {response.status}"
    except HTTPError as error:
        return f"answers {error.code}"
