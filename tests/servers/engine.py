"""A Docker engine of one's own: `python -m tests.servers.engine start FOLDER` and `stop FOLDER`.

It has its own data, process id, socket and bridge, is no service of the system, and touches no other engine. It needs
root. Where an engine answers already (`DOCKER_HOST`, or the default socket), the tests use that one and start none.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from zlib import crc32

from base.images.development import compose
from tests.servers.packages import install_packages
from tests.servers.waiting import wait_for

PACKAGES = {"dockerd": "docker.io", "iptables": "iptables", "ip": "iproute2", "debootstrap": "debootstrap"}
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"
START_SECONDS = 60
STOP_SECONDS = 40


def folder_of(tree: Path) -> Path:
    """Return where a tree's engine keeps its data: outside of it, or who packs the tree would meet all of Debian."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "picket" / f"engine-{crc32(bytes(tree.absolute())):08x}"


class Engine:
    """dockerd in a folder."""

    def __init__(self, folder: Path) -> None:
        """Stand for the engine of a folder; nothing runs yet."""
        self.folder = folder.absolute()
        self.socket = self.folder / "docker.sock"
        self.host = f"unix://{self.socket}"
        self._pidfile = self.folder / "dockerd.pid"
        mark = crc32(bytes(self.folder))
        self._bridge = f"picket{mark:08x}"
        self._address = f"10.{200 + mark % 50}.{mark >> 8 & 0xFF}.1/24"

    def start(self) -> None:
        """Start it unless it runs, and wait until it answers; raises AssertionError with the end of its log."""
        if answers(self.host):
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        # What a killed engine left there would be taken for a running one.
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        self._pidfile.unlink(missing_ok=True)
        (self.folder / "daemon.json").write_text("{}\n")
        # Two engines on one bridge would give out the same addresses.
        _run("ip", "link", "add", self._bridge, "type", "bridge")
        _run("ip", "address", "add", self._address, "dev", self._bridge)
        _run("ip", "link", "set", self._bridge, "up")
        command = [
            *(str(shutil.which("dockerd", path=SBIN)), "--host", self.host),
            *("--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self._pidfile), "--config-file", str(self.folder / "daemon.json")),
            *("--bridge", self._bridge, "--storage-driver", "overlay2", "--log-level", "warn"),
        ]
        with (self.folder / "dockerd.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment()
            )

        def up() -> bool:
            assert process.poll() is None, f"dockerd ended: {self._log()[-1500:]}"
            return answers(self.host)

        wait_for("the engine", up, START_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, and wait for that; containers end with it."""
        with suppress(OSError, ValueError):
            pid = int(self._pidfile.read_text())
            os.kill(pid, number)
            wait_for("the engine's end", lambda: _gone(pid), STOP_SECONDS)
        _run("ip", "link", "delete", self._bridge)

    def _log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")


def answers(host: str | None = None) -> bool:
    """Tell whether an engine answers at `host`, or where the client would look for one."""
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    try:
        done = subprocess.run(["docker", "version"], env=environment, capture_output=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def install() -> str:
    """Install what an engine needs, where this user may; return what is still missing, for people."""
    install_packages(lacking())
    if missing := lacking():
        return f"{', '.join(missing)} not installed"
    return "" if os.geteuid() == 0 else "starting an engine needs root"


def lacking() -> list[str]:
    """Name Debian's packages of programs that are not here."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program, path=SBIN)]
    return missing if compose() else [*missing, "docker-compose"]


def _run(*words: str) -> None:
    """Run a command that may find its work done."""
    subprocess.run(words, env=_environment(), capture_output=True, check=False)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": SBIN}


def _gone(pid: int) -> bool:
    with suppress(OSError):
        os.waitpid(pid, os.WNOHANG)  # it may be our child
    return not Path(f"/proc/{pid}").exists()


if __name__ == "__main__":
    action, engine = sys.argv[1], Engine(Path(sys.argv[2]))
    if action == "start":
        if missing := install():
            sys.exit(f"no engine can be started: {missing}")
        began = time.monotonic()
        engine.start()
        print(f"export DOCKER_HOST={engine.host}  # after {time.monotonic() - began:.1f} s")  # noqa: T201
    else:
        engine.stop()
