"""A Docker engine of one's own: `python -m tests.servers.engine start FOLDER` and `stop FOLDER`.

It has its own data, process id, socket and bridge, is no service of the system, and touches no other engine. It needs
root. Where an engine answers already (`DOCKER_HOST`, or the default socket), the tests use that one and start none.
"""

import fcntl
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

import pytest

from base.images.development import compose
from tests.servers.dockerd import PACKAGES, Dockerd
from tests.servers.packages import SBIN, lacking, missing
from tests.servers.waiting import wait_for

STOP_SECONDS = 150


def folder_of(tree: Path) -> Path:
    """Return where a tree's engine keeps its data: outside of it, or who packs the tree would meet all of Debian."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "picket" / f"engine-{crc32(bytes(tree.absolute())):08x}"


class Engine(Dockerd):
    """dockerd on this host's own network, which whoever knows its folder may start and stop."""

    def __init__(self, folder: Path) -> None:
        """Stand for the engine of a folder; nothing runs yet."""
        mark = crc32(bytes(folder.absolute()))
        self._bridge = f"picket{mark:08x}"
        self._address = f"10.{200 + mark % 50}.{mark >> 8 & 0xFF}.1/24"
        super().__init__(folder, "--bridge", self._bridge)

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers; raises AssertionError with the end of its log."""
        if self.answers():
            return
        # Two engines on one bridge would give out the same addresses.
        _ip("link", "add", self._bridge, "type", "bridge")
        _ip("address", "add", self._address, "dev", self._bridge)
        _ip("link", "set", self._bridge, "up")
        super().start()

    def stop(self) -> None:
        """End it, and wait for that; containers end with it."""
        with suppress(OSError, ValueError):
            pid = int(self._pidfile.read_text())
            os.kill(pid, signal.SIGTERM)
            wait_for("the engine's end", lambda: _gone(pid), STOP_SECONDS)
        _ip("link", "delete", self._bridge)


@contextmanager
def running(tree: Path) -> Iterator[Engine]:
    """Run a tree's own engine; leaves tests out where that can't be."""
    if lacks := install():
        pytest.skip(f"*** WHAT NEEDS A DOCKER ENGINE IS LEFT OUT: {lacks} ***")
    with _reserved(folder_of(tree)) as folder:
        engine = Engine(folder)
        engine.start()
        yield engine
        engine.stop()


@contextmanager
def _reserved(folder: Path) -> Iterator[Path]:
    """Reserve a folder, or the next one where another run of the same tree's tests has it, until that run has ended."""
    for number in itertools.count(1):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                folder = folder.with_suffix(f".{number}")
                continue
            yield folder
            return


def answers() -> bool:
    """Tell whether an engine answers where Docker's command line looks for one."""
    try:
        done = subprocess.run(["docker", "version"], capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def install() -> str:
    """Install what an engine needs, where this user may; return what is still missing, for people."""
    return missing(_lacking) or ("" if os.geteuid() == 0 else "starting an engine needs root")


def _lacking() -> list[str]:
    found = lacking({**PACKAGES, "debootstrap": "debootstrap"})
    return found if compose() else [*found, "docker-compose"]


def _ip(*words: str) -> None:
    """Run an `ip` command that may find its work done."""
    subprocess.run(["ip", *words], env={**os.environ, "PATH": SBIN}, capture_output=True, check=False)


def _gone(pid: int) -> bool:
    with suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # it may be our child
    return not Path(f"/proc/{pid}").exists()


if __name__ == "__main__":
    action, engine = sys.argv[1], Engine(Path(sys.argv[2]))
    if action == "start":
        if lacks := install():
            sys.exit(f"no engine can be started: {lacks}")
        began = time.monotonic()
        engine.start()
        print(f"export DOCKER_HOST={engine.host}  # after {time.monotonic() - began:.1f} s")  # noqa: T201
    else:
        engine.stop()
