"""A real VictoriaMetrics >= 1.112, as Debian 13 has it; tests/prepare.sh unpacks it into a cache on older machines."""

import json
import os
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

NAME = "victoria-metrics"
OLDEST = "1.112"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "picket" / NAME / "usr/bin" / NAME


def program() -> str:
    """Find the program; "" if there is none that is new enough."""
    if CACHE.exists():
        return str(CACHE)
    installed = shutil.which(NAME)
    if not installed or not shutil.which("dpkg"):
        return ""
    query = ["dpkg-query", "-W", "-f", "${Version}", NAME]
    version = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    compare = ["dpkg", "--compare-versions", version, "ge", OLDEST]
    return installed if subprocess.run(compare, check=False).returncode == 0 else ""


class VictoriaMetrics:
    """A server; a context manager that starts and stops it."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """Keep everything in `folder`; nothing runs yet."""
        self._folder = folder
        self._port = free_ports(1)[0]
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Say where it is."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._folder.mkdir(parents=True, exist_ok=True)
        command = [program(), f"-storageDataPath={self._folder}/data", f"-httpListenAddr=127.0.0.1:{self._port}"]
        command += ["-retentionPeriod=100y", "-memory.allowedBytes=100MB", *self._arguments]
        with (self._folder / "victoria-metrics.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for("VictoriaMetrics", self._answers, 120)

    def stop(self) -> None:
        """Stop it: connections are refused from now on."""
        if self._process:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def __enter__(self) -> "VictoriaMetrics":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def samples(self, selector: str) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
        """Return each series' labels and its samples (ms, value), by time."""
        self._ask("/internal/force_flush")
        lines = self._ask("/api/v1/export", {"match[]": selector, "start": "0"}).splitlines()
        series: list[Any] = [json.loads(line) for line in lines]
        return [(one["metric"], sorted(zip(one["timestamps"], one["values"], strict=True))) for one in series]

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "victoria-metrics.log").read_text()
        try:
            return self._ask("/health") == b"OK"
        except OSError:
            return False

    def _ask(self, path: str, form: dict[str, str] | None = None) -> bytes:
        body = urlencode(form).encode() if form else None
        with urllib.request.urlopen(f"{self.url}{path}", body, timeout=60) as reply:
            return bytes(reply.read())
