"""What stands for balena's supervisor on a device: what an application may ask, answered as the real one does."""

import json
import re
from typing import Any

from tests.servers.listener import Listener, Reply

KEY = "fedcba9876543210fedcba9876543210"
JSON = {"Content-Type": "application/json; charset=utf-8"}


class StandInSupervisor:
    """The supervisor of one device; a context manager that starts and stops it."""

    def __init__(self, name: str = "Front door", release: str = "a1b2c3d4e5f60718293a4b5c6d7e8f90") -> None:
        """Choose a port; nothing listens yet."""
        self.name = name
        self.release: str | None = release
        self.tags: dict[str, str] = {}
        self.knows_tags = True  # from 17.8 on
        self.asked: list[str] = []
        self._listener = Listener(self._serve)

    @property
    def environment(self) -> dict[str, str]:
        """What a service with the supervisor's label is given."""
        address = f"http://127.0.0.1:{self._listener.port}"
        return {"BALENA_SUPERVISOR_ADDRESS": address, "BALENA_SUPERVISOR_API_KEY": KEY}

    def start(self) -> None:
        """Listen, on the same port every time."""
        self._listener.start()

    def stop(self) -> None:
        """Be away, as while it is updated itself."""
        self._listener.stop()

    def __enter__(self) -> "StandInSupervisor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, method: str, path: str, headers: Any, body: bytes) -> Reply:
        self.asked.append(f"{method} {path}")
        if headers.get("Authorization") != f"Bearer {KEY}":
            return 401, {"Content-Type": "text/html; charset=utf-8"}, b"Unauthorized"
        if (method, path) == ("GET", "/v2/state/status"):
            state: dict[str, Any] = {"appState": "applied", "containers": [], "images": []}
            return _answer(200, {"status": "success", **state, "release": self.release})
        if (method, path) == ("GET", "/v2/device/name"):
            return _answer(200, {"status": "success", "deviceName": self.name})
        if (method, path) == ("PATCH", "/v2/device/tags") and self.knows_tags:
            return self._take_tags(json.loads(body))
        return 404, {"Content-Type": "text/html; charset=utf-8"}, b"Not Found"

    def _take_tags(self, tags: Any) -> Reply:
        if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
            return _answer(400, {"status": "failed", "message": "Invalid tags body"})
        if any(re.search(r"\s", key) for key in tags):
            return _answer(400, {"status": "failed", "message": "Tag keys cannot contain whitespace"})
        self.tags |= tags
        return _answer(202, {"status": "success"})


def _answer(status: int, body: dict[str, Any]) -> Reply:
    return status, JSON, json.dumps(body).encode()
