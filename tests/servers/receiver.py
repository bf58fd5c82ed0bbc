"""What stands for Slack, Sentry and a dead-man's switch: each takes what it would take, or is away."""

import gzip
import json
import time
from collections import deque
from typing import Any

from tests.servers.listener import Listener, Reply

KEY = "0123456789abcdef0123456789abcdef"
PROJECT = "42"
HOOK = "/services/T000/B000/hook-secret"
SECOND_HOOK = "/services/T000/B001/second-secret"
PING = "/ping/0a1b2c3d-ping-secret"
MOST_CHARACTERS = 40_000  # of a message, says Slack


class Receiver:
    """All services on one port; a context manager that starts and stops it."""

    def __init__(self) -> None:
        """Choose a port; nothing listens yet."""
        self.texts: list[str] = []  # what Slack took
        self.second_texts: list[str] = []  # what the second webhook took
        self.pings: list[float] = []  # when, by the monotonic clock
        self.revoked = False  # the first webhook is no more
        self.events: list[dict[str, Any]] = []  # what Sentry took
        self.refused: list[tuple[str, int]] = []  # path and status of all else
        self.answers: deque[Reply] = deque()  # given to the next requests, which are not taken
        self._listener = Listener(self._serve)

    @property
    def slack_url(self) -> str:
        """Say where Slack's webhook is."""
        return f"http://127.0.0.1:{self._listener.port}{HOOK}"

    @property
    def second_slack_url(self) -> str:
        """Say where the second webhook is."""
        return f"http://127.0.0.1:{self._listener.port}{SECOND_HOOK}"

    @property
    def ping_url(self) -> str:
        """Say where pings go."""
        return f"http://127.0.0.1:{self._listener.port}{PING}"

    @property
    def sentry_dsn(self) -> str:
        """Say where Sentry's project is."""
        return f"http://{KEY}@127.0.0.1:{self._listener.port}/{PROJECT}"

    def start(self) -> None:
        """Listen, on the same port every time."""
        self._listener.start()

    def stop(self) -> None:
        """Be away: connections are refused."""
        self._listener.stop()

    def __enter__(self) -> "Receiver":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _serve(self, method: str, path: str, headers: Any, body: bytes) -> Reply:
        if self.answers:
            reply = self.answers.popleft()
        elif (method, path) == ("POST", HOOK) and not self.revoked:
            reply = self._slack(headers, body, self.texts)
        elif (method, path) == ("POST", SECOND_HOOK):
            reply = self._slack(headers, body, self.second_texts)
        elif (method, path, body) == ("GET", PING, b""):
            self.pings.append(time.monotonic())
            reply = 200, {}, b"OK"
        elif (method, path) == ("POST", f"/api/{PROJECT}/envelope/"):
            reply = self._sentry(headers, body)
        else:
            reply = 404, {}, b"no_service"
        if reply[0] != 200:
            self.refused.append((path, reply[0]))
        return reply

    def _slack(self, headers: Any, body: bytes, texts: list[str]) -> Reply:
        if "json" not in headers.get("Content-Type", ""):
            return 400, {}, b"invalid_payload"
        try:
            text = json.loads(body).get("text")
        except ValueError:
            return 400, {}, b"invalid_payload"
        if not text:
            return 400, {}, b"no_text"
        if len(text) > MOST_CHARACTERS:
            return 400, {}, b"msg_too_long"
        texts.append(text)
        return 200, {}, b"ok"

    def _sentry(self, headers: Any, body: bytes) -> Reply:
        if f"sentry_key={KEY}" not in headers.get("X-Sentry-Auth", ""):
            return 403, {}, b'{"detail":"bad sentry DSN public key"}'
        try:
            if headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            event = read_envelope(body)
        except (ValueError, KeyError, OSError) as error:
            return 400, {}, json.dumps({"detail": f"invalid event envelope: {error}"}).encode()
        self.events.append(event)
        return 200, {"Content-Type": "application/json"}, json.dumps({"id": event["event_id"]}).encode()


def read_envelope(body: bytes) -> dict[str, Any]:
    """Return the event of an envelope: a line of headers, then for each item its headers and so many bytes."""
    head, _, rest = body.partition(b"\n")
    identity = json.loads(head)["event_id"]
    while rest:
        item_head, _, rest = rest.partition(b"\n")
        item = json.loads(item_head)
        payload, rest = rest[: item["length"]], rest[item["length"] :].removeprefix(b"\n")
        if item["type"] == "event":
            event: dict[str, Any] = json.loads(payload)
            if event["event_id"] != identity or len(identity) != 32:
                raise ValueError("event_id")
            for raised in event.get("exception", {}).get("values", []):
                check_exception(raised)
            return event
    raise ValueError("no event")


def check_exception(raised: dict[str, Any]) -> None:
    """Raise ValueError or KeyError for what Sentry would show no frames of."""
    if not isinstance(raised["type"], str) or not isinstance(raised["value"], str):
        raise ValueError("exception")
    for frame in raised["stacktrace"]["frames"]:
        if not isinstance(frame["lineno"], int) or not frame["filename"] or not frame["function"]:
            raise ValueError("frame")
