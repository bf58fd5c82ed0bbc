"""What a service may ask of the agent, as of balena's supervisor: the release, the device's name, its tags.

A service with the label io.balena.features.supervisor-api is given the address and the key in its environment. It is
that of the engine's own bridge: every container reaches it, whatever its network, and the house does not.

    GET   /v2/state/status   {"status": "success", "appState": "applied" | "applying", "release": commit | null, ...}
    GET   /v2/device/name    {"status": "success", "deviceName": "hall"}
    PATCH /v2/device/tags    {"<name>": "<text>", ...}  ->  202; they are delivered, and tried again until they are
"""

import hmac
import ipaddress
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import msgspec

from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import AgentError, EngineError, ServerError
from picket_fleet.agent.folder import Folder

LABEL = "io.balena.features.supervisor-api"
PORT = 48484
BODY_BYTES = 16_000
QUIET_SECONDS = 200.0  # three visits of Picket's gateway
REQUEST_SECONDS = 10.0
RETRY_SECONDS = 5.0
LAST_RETRY_SECONDS = 60.0
MOST_TAGS, LONGEST = 20, 255
FILE = "tags.json"

log = logging.getLogger(__name__)


class Status(NamedTuple):
    """What is told to services."""

    name: str
    release: str | None  # commit
    is_applied: bool


def address(engine: Engine) -> str:
    """Return where containers reach the host, "" where the engine has no bridge of its own; raises AgentError."""
    try:
        found = engine.get("/networks/bridge")
    except EngineError as error:
        if error.status != 404:
            raise
        return ""
    for configuration in (found.get("IPAM") or {}).get("Config") or []:
        network = ipaddress.ip_network(configuration.get("Subnet") or "", strict=False)
        if network.version == 4:
            return str(configuration.get("Gateway") or network[1]).partition("/")[0]
    return ""


def key_of(device_key: str) -> str:
    """Return the key for services, made of the device's, which it does not tell."""
    return hmac.digest(device_key.encode(), b"supervisor-api", "sha256").hex()[:32]


class Tags:
    """Tags that services have set and the server does not have yet; they outlive the agent."""

    def __init__(self, folder: Folder, send: Callable[[str, str], None]) -> None:
        """Begin with what was left undelivered; `send` delivers one tag."""
        self._folder, self._send = folder, send
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._pending = folder.kept(FILE, dict[str, str]) or {}

    def put(self, tags: Mapping[str, str]) -> None:
        """Have tags delivered; a newer text takes the place of one that waits."""
        with self._lock:
            self._pending |= tags
            self._keep()
        self._news.set()

    def run(self) -> None:
        """Deliver for ever."""
        retry = RETRY_SECONDS
        while True:
            try:
                self.deliver()
                retry = RETRY_SECONDS
                self._news.wait()
                self._news.clear()
            except AgentError:  # the agent says elsewhere that its server is away
                threading.Event().wait(retry)
                retry = min(2 * retry, LAST_RETRY_SECONDS)

    def deliver(self) -> None:
        """Deliver what waits; raises AgentError where the server does not answer."""
        for name, value in list(self._pending.items()):
            try:
                self._send(name, value)
            except ServerError as error:
                if error.status not in (400, 404):
                    raise
                log.warning("the server takes no tag %r: %s", name, error)
            with self._lock:
                if self._pending.get(name) == value:
                    del self._pending[name]
                    self._keep()

    def _keep(self) -> None:
        with suppress(OSError):  # a disk that is full is no reason not to deliver them
            self._folder.write(FILE, msgspec.json.encode(self._pending))


class Supervisor:
    """The server for services; it listens while a service is there that may ask."""

    def __init__(self, engine: Engine, key: str, status: Callable[[], Status], tags: Tags) -> None:
        """Serve nothing yet."""
        self._engine, self._key, self._status, self._tags = engine, key, status, tags
        self._is_said = False
        self._asked_at = time.monotonic()

    def is_quiet(self, now: float) -> bool:
        """Tell whether nobody has asked for long (`now` is monotonic seconds): Picket's gateway does each minute."""
        return now - self._asked_at > QUIET_SECONDS

    def run(self, is_wanted: Callable[[], bool]) -> None:
        """Serve for ever, from when it is wanted first."""
        while not (is_wanted() and self._serve()):
            threading.Event().wait(RETRY_SECONDS)

    def _serve(self) -> bool:
        """Serve for ever; return False where that can't be begun yet."""
        try:
            host = address(self._engine)
        except AgentError:
            return False
        if not host:
            return False
        try:
            server = ThreadingHTTPServer((host, PORT), self._handler())
        except OSError as error:
            if not self._is_said:
                log.warning("services can't ask the agent at %s:%d: %s", host, PORT, error.strerror or error)
            self._is_said = True
            return False
        server.daemon_threads = True
        log.info("services may ask the agent at %s:%d", host, PORT)
        server.serve_forever()
        return True

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer to a request."""
        if not hmac.compare_digest(authorization.encode(), f"Bearer {self._key}".encode()):
            return 401, {"status": "failed", "message": "Unauthorized"}
        self._asked_at = time.monotonic()
        now = self._status()
        if (method, path) == ("GET", "/v2/state/status"):
            state = "applied" if now.is_applied else "applying"
            said: dict[str, Any] = {"appState": state, "containers": [], "images": [], "release": now.release}
            return 200, {"status": "success", **said}
        if (method, path) == ("GET", "/v2/device/name"):
            return 200, {"status": "success", "deviceName": now.name}
        if (method, path) == ("PATCH", "/v2/device/tags"):
            return self._take(body)
        return 404, {"status": "failed", "message": "Not Found"}

    def _take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            tags = msgspec.json.decode(body, type=dict[str, str])
        except msgspec.MsgspecError:
            return 400, {"status": "failed", "message": "Invalid tags body"}
        sizes = [len(text) for pair in tags.items() for text in pair]
        if len(tags) > MOST_TAGS or max(sizes, default=0) > LONGEST:
            return 400, {"status": "failed", "message": f"At most {MOST_TAGS} tags of {LONGEST} characters"}
        if any(not name or re.search(r"\s", name) for name in tags):
            return 400, {"status": "failed", "message": "Tag keys cannot contain whitespace"}
        self._tags.put(tags)
        return 202, {"status": "success"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        answer = self.answer

        class Handler(BaseHTTPRequestHandler):
            timeout = REQUEST_SECONDS

            def do_GET(self) -> None:
                self._reply("GET", b"")

            def do_PATCH(self) -> None:
                length = self.headers.get("Content-Length") or "0"
                self._reply("PATCH", self.rfile.read(min(int(length) if length.isdecimal() else 0, BODY_BYTES)))

            def _reply(self, method: str, body: bytes) -> None:
                status, said = answer(method, self.path.partition("?")[0], self.headers.get("Authorization", ""), body)
                data = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                """Say nothing: services ask each minute."""

        return Handler
