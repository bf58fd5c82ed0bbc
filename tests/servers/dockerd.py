"""dockerd in a folder: what every engine that tests start is made of. It needs root."""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from tests.servers.packages import SBIN, find
from tests.servers.waiting import wait_for

PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2"}
START_SECONDS = 150


class Dockerd:
    """An engine: its data, socket, process id and log are in its folder."""

    def __init__(self, folder: Path, *options: str, inside: Sequence[str] = ()) -> None:
        """Stand for the engine of a folder, which the words `inside` begin; nothing runs yet."""
        self.folder = folder.absolute()
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.root = self.folder / "data"
        self._pidfile = self.folder / "dockerd.pid"
        self._options, self._inside = options, inside
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers; raises AssertionError with the end of its log."""
        if self.is_down:
            self.begin()
        wait_for(f"the engine of {self.folder.name}", self._is_up, START_SECONDS)

    def begin(self) -> None:
        """Start it; it answers some time later."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed engine left there would be taken for a running one; on a machine it is in memory.
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        self._pidfile.unlink(missing_ok=True)
        (self.folder / "daemon.json").write_text("{}\n")
        dockerd = [
            *(find("dockerd"), "--host", self.host, "--data-root", str(self.root)),
            *("--exec-root", str(self.folder / "exec"), "--pidfile", str(self._pidfile)),
            *("--config-file", str(self.folder / "daemon.json"), "--storage-driver", "overlay2", "--log-level", "warn"),
        ]
        with (self.folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._inside, *dockerd, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PATH": SBIN},
            )

    @property
    def is_down(self) -> bool:
        """Tell whether nothing that was begun here runs."""
        return self._process is None or self._process.poll() is not None

    def answers(self) -> bool:
        """Tell whether it answers, whoever started it."""
        return answers(self.host)

    def docker(self) -> "Api":
        """Return a client: a context manager."""
        return Api(base_url=self.host, version="auto", timeout=180)

    def _is_up(self) -> bool:
        assert not self.is_down, f"dockerd ended: {self._log()[-1500:]}"
        return self.answers()

    def _log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")


class Api(docker.APIClient):
    """Docker's client, as a context manager; tests ask an engine by other means than the agent does."""

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def all_containers(self) -> list[Mapping[str, Any]]:
        """Return everything that the engine says of its containers."""
        return [self.inspect_container(entry["Id"]) for entry in self.containers(all=True)]


def answers(host: str) -> bool:
    """Tell whether an engine answers at an address."""
    with suppress(DockerException, RequestException), Api(base_url=host, version="auto", timeout=20) as api:
        return bool(api.ping())
    return False
