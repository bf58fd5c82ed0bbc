"""A real InfluxDB: Debian's 1.6 keeps the points, and a small front speaks the write half of the v2 API to it.

So the types, the partial writes and the times are InfluxDB's own; of v2 there are tokens, buckets and status codes.
It can be stopped and started again on the same port and data, and told to answer otherwise for a while.
"""

import gzip
import json
import subprocess
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.servers.listener import Listener, Reply
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

PROGRAM = "/usr/bin/influxd"
PRECISIONS = {"ns": "ns", "us": "u", "ms": "ms", "s": "s"}

CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
"""

VERSION = {"X-Influxdb-Version": "v2.7.10"}


class InfluxDB:
    """A server with one bucket; a context manager that starts and stops it."""

    def __init__(self, folder: Path, *, token: str = "test-token", org: str = "picket", bucket: str = "picket") -> None:
        """Keep everything in `folder`."""
        self.token, self.org, self.bucket = token, org, bucket
        self.answers: deque[Reply] = deque()  # given to the next writes in place of InfluxDB's own
        self.writes = 0
        self.taken = 0  # of the writes
        self.lines_taken = 0
        self._folder = folder
        self._store_port = free_ports(1)[0]
        self._store: subprocess.Popen[bytes] | None = None
        self._front = Listener(self._serve)

    @property
    def url(self) -> str:
        """Say where the v2 API is."""
        return f"http://127.0.0.1:{self._front.port}"

    def start(self) -> None:
        """Start the store and the front, and wait until they answer."""
        self.start_store()
        wait_for("influxd", self._store_answers, 120)
        self.query(f'CREATE DATABASE "{self.bucket}"')
        self.start_front()

    def start_store(self) -> None:
        """Start InfluxDB; it answers some hundred milliseconds later."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / "influxdb.conf"
        file.write_text(CONFIGURATION.format(folder=self._folder, port=self._store_port))
        with (self._folder / "influxd.log").open("ab") as log:
            self._store = subprocess.Popen([PROGRAM, "run", "-config", str(file)], stdout=log, stderr=log)

    def start_front(self) -> None:
        """Listen."""
        self._front.start()

    def kill_store(self) -> None:
        """End InfluxDB by SIGKILL; the front breaks the connections of those who write."""
        assert self._store
        self._store.kill()
        self._store.wait(60)

    def stop_front(self) -> None:
        """Break the connections, and refuse others."""
        self._front.stop()

    def stop(self) -> None:
        """Stop both: connections are refused from now on."""
        self._front.stop()
        if self._store:
            self._store.terminate()
            self._store.wait(60)
            self._store = None

    def __enter__(self) -> "InfluxDB":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def query(self, statement: str) -> list[dict[str, Any]]:
        """Return the rows of an InfluxQL statement, times in nanoseconds, with the tags a GROUP BY gives."""
        form = urlencode({"db": self.bucket, "epoch": "ns", "q": statement}).encode()
        _, body = self._ask("/query", form)
        result = json.loads(body)["results"][0]
        assert "error" not in result, result["error"]
        return [
            {**series.get("tags", {}), **dict(zip(series["columns"], values, strict=True))}
            for series in result.get("series", [])
            for values in series["values"]
        ]

    def _serve(self, method: str, path: str, headers: Any, body: bytes) -> Reply:
        parts = urlsplit(path)
        parameters = dict(parse_qsl(parts.query))
        if (method, path) == ("GET", "/ping"):
            return 204, VERSION, b""
        if (method, path) == ("GET", "/health"):
            return 200, VERSION, json.dumps({"name": "influxdb", "status": "pass"}).encode()
        if headers.get("Authorization") != f"Token {self.token}":
            return refusal(401, "unauthorized", "unauthorized access")
        if (method, parts.path) != ("POST", "/api/v2/write"):
            return refusal(404, "not found", "path not found")
        if parameters.get("org") != self.org:
            return refusal(404, "not found", f'organization name "{parameters.get("org")}" not found')
        if headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return self._write(parameters.get("bucket", ""), parameters.get("precision", "ns"), body)

    def _write(self, bucket: str, precision: str, body: bytes) -> Reply:
        """Store lines; answer as v2 does: 404 no such bucket, 400 no line protocol, 422 a field of another type."""
        self.writes += 1
        if self.answers:
            return self.answers.popleft()
        parameters = urlencode({"db": bucket, "precision": PRECISIONS[precision]})
        status, reply = self._ask(f"/write?{parameters}", body)
        if status == 204:
            self.taken += 1
            self.lines_taken += body.count(b"\n") + 1
            return 204, {}, b""
        error = json.loads(reply or b"{}").get("error", "")
        if status == 404:
            return refusal(404, "not found", f'bucket "{bucket}" not found')
        if "partial write" in error:
            return refusal(422, "unprocessable entity", error)
        return refusal(status, "invalid", error)

    def _ask(self, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._store_port}{path}", body, timeout=60) as reply:
                return reply.status, reply.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def _store_answers(self) -> bool:
        assert self._store is not None
        assert self._store.poll() is None, (self._folder / "influxd.log").read_text()
        try:
            return self._ask("/ping")[0] == 204
        except OSError:
            return False


def refusal(status: int, code: str, message: str) -> Reply:
    """Make an error as v2 words it."""
    return status, {"Content-Type": "application/json"}, json.dumps({"code": code, "message": message}).encode()
