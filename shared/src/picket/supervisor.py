"""balena's supervisor on the device, as far as an application may use it: the release, the device's name, its tags.

A service with the label `io.balena.features.supervisor-api` is given an address and a key; elsewhere there is none.

    GET   /v2/state/status   {"status": "success", "appState": "applied", "release": "<commit>", ...}
    GET   /v2/device/name    {"status": "success", "deviceName": "Front door"}
    PATCH /v2/device/tags    {"<name>": "<text>", ...}  ->  202 (supervisor >= 17.8); it delivers them, and tries again
"""

import json
import os
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from picket.errors import PicketError

ADDRESS, KEY = "BALENA_SUPERVISOR_ADDRESS", "BALENA_SUPERVISOR_API_KEY"
TIMEOUT_SECONDS = 3.0
LONGEST_ANSWER = 1_000_000
LONGEST_NAME = 40


class SupervisorError(PicketError, OSError):
    """The supervisor does not answer, or refuses."""


class UnknownToSupervisorError(SupervisorError):
    """The supervisor is too old for what was asked."""


class Supervisor:
    """Asks the supervisor; each call blocks, for some seconds at most, and raises SupervisorError."""

    def __init__(self, address: str, key: str) -> None:
        """Ask at "http://host:port"; the key is in no text that this makes."""
        parts = urlsplit(address if "//" in address else f"http://{address}")
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 48484
        self._key = key

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> "Supervisor | None":
        """Return the supervisor that the environment names, if any."""
        address = environment.get(ADDRESS)
        return cls(address, environment.get(KEY, "")) if address else None

    def release(self) -> str:
        """Return the commit of the release that the device runs; "" while it runs none."""
        return str(self._ask("GET", "/v2/state/status").get("release") or "")

    def device_name(self) -> str:
        """Return the device's name, as the dashboard shows it now."""
        return str(self._ask("GET", "/v2/device/name").get("deviceName") or "")

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Have the dashboard show tags for this device; raises UnknownToSupervisorError where it can't."""
        self._ask("PATCH", "/v2/device/tags", tags)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> dict[str, Any]:
        from http.client import HTTPConnection, HTTPException  # costs 25 ms, and most processes never ask

        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
        try:
            connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
            response = connection.getresponse()
            text = response.read(LONGEST_ANSWER)
        except (OSError, HTTPException, ValueError) as error:
            raise SupervisorError(
                f"does not answer: {getattr(error, 'strerror', '') or type(error).__name__}"
            ) from None
        finally:
            connection.close()
        if response.status == 404:
            raise UnknownToSupervisorError(f"knows no {method} {path}")
        if response.status >= 300:
            refused = "refuses our key" if response.status == 401 else f"answers {response.status}"
            raise SupervisorError(f"{refused} ({method} {path})")
        with suppress(ValueError, RecursionError):
            answer = json.loads(text)
            if isinstance(answer, dict):
                return answer
        raise SupervisorError(f"answers {method} {path} with what is no JSON object")


def device_name(environment: Mapping[str, str], remembered: Path) -> str:
    """Return what balena calls the device, as a name of the configuration; "" where nothing is known.

    It is what the file `remembered` says, which all services share; at the very first start, the name that the
    container was made with, which is then remembered. The supervisor is not asked: at power-up services are there
    before it is, and they must not disagree. The gateway follows a later change.
    """
    with suppress(OSError, UnicodeDecodeError):
        if name := as_name(remembered.read_text()):
            return name
    name = as_name(environment.get("BALENA_DEVICE_NAME_AT_INIT", ""))
    if name:
        with suppress(OSError):
            remember(name, remembered)
    return name


def remember(name: str, remembered: Path) -> None:
    """Write down what the device is called, whole or not at all; raises OSError."""
    new = remembered.with_name(f"{remembered.name}.{os.getpid()}")
    new.write_text(f"{name}\n")
    new.replace(remembered)


def as_name(text: str) -> str:
    """Make a name of what people write: "Küche, 2. Stock" -> "kuche_2_stock", "3rd floor" -> "pi_3rd_floor"."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    name = "_".join(re.findall(r"[a-z0-9]+", plain))
    if name[:1].isdigit():
        name = f"pi_{name}"
    return name[:LONGEST_NAME].rstrip("_")
