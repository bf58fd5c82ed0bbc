"""Somebody's browser without its eyes: what the page asks the server, and is told."""

import json
import time
from typing import Any

import requests

from fleet.tests.server.conftest import DEADLINE_SECONDS, Fleet


class Client:
    """Somebody's browser, without its eyes."""

    def __init__(self, fleet: Fleet) -> None:
        """Begin logged out."""
        self.base = f"https://127.0.0.1:{fleet.port}"
        self.http = requests.Session()
        self.http.verify = str(fleet.home.certificate)
        self.http.trust_env = False
        self.csrf = ""

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask."""
        return self.http.get(f"{self.base}{path}", timeout=DEADLINE_SECONDS, **options)

    def post(self, path: str, body: Any, *, csrf: str | None = None, **options: Any) -> requests.Response:
        """Send JSON, with the CSRF token of the session unless another one is given."""
        headers = {"Picket-CSRF": self.csrf if csrf is None else csrf}
        method = options.pop("method", "POST")
        return self.http.request(
            method, f"{self.base}{path}", json=body, headers=headers, timeout=DEADLINE_SECONDS, **options
        )

    def log_in(self, token: str) -> requests.Response:
        """Log in."""
        answer = self.post("/page/api/login", {"token": token})
        if answer.ok:
            self.csrf = answer.json()["csrf"]
        return answer

    def do(self, name: str, /, **arguments: Any) -> requests.Response:
        """Do something."""
        return self.post(f"/page/api/do/{name}", arguments)

    def events(self) -> "Events":
        """Begin to listen."""
        return Events(self.get("/page/api/events", stream=True))


class Events:
    """Server-sent events, as they come; what they tell, put together."""

    def __init__(self, response: requests.Response) -> None:
        """Read the first one."""
        self.response = response
        self._lines = response.iter_lines(chunk_size=1)
        self.told: dict[str, Any] = {"devices": {}, "releases": {}, "log": [], "build": []}
        self.patches: list[dict[str, Any]] = []
        self.is_over = False
        name, data = self.next()
        assert name == "hello"
        self.id: str = data["id"]

    def next(self) -> tuple[str, Any]:
        """Return the next event."""
        event = ""
        for line in self._lines:
            field, _, value = line.decode().partition(": ")
            if field == "event":
                event = value
            elif field == "data":
                data = json.loads(value)
                if event == "patch":
                    self._apply(data)
                self.is_over = self.is_over or event == "over"
                return event, data
        return "", None

    def until(self, condition: Any) -> dict[str, Any]:
        """Read until what was told is so, and return it."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not condition(self.told):
            assert time.monotonic() < deadline, self.told
            assert self.next()[0], "the stream ended"
        return self.told

    def _apply(self, patch: dict[str, Any]) -> None:
        self.patches.append(patch)
        from_start = patch.get("from_start")
        for name, value in patch.items():
            if name in ("devices", "releases", "members"):
                self.told.setdefault(name, {}).update(value)
            elif name in ("log", "build"):
                self.told[name] = ([] if from_start else self.told[name]) + value
            else:
                self.told[name] = value
