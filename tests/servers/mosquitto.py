"""The reference broker, as a process that can be stopped, killed and started again on the same port and data."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.servers.waiting import wait_for

PROGRAM = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""

# What changes is on the disk before more is read.
ON_DISK = (
    "persistence true",
    "autosave_on_changes true",
    "autosave_interval 1",
    "max_inflight_messages 0",
    "set_tcp_nodelay true",  # else what it has sent may still wait in its own kernel buffer, and dies with it
)


class Mosquitto:
    """A broker on one port of the loopback; `settings` are lines of its configuration. A context manager too."""

    def __init__(self, folder: Path, port: int, *settings: str) -> None:
        """Keep everything in `folder`; nothing runs yet."""
        self.port = port
        # A client that is slow, as on a busy machine, is to miss nothing: by itself it drops what is over 1,000.
        self.settings = ["allow_anonymous true", "max_queued_messages 0", *settings]
        self.process: subprocess.Popen[bytes] | None = None
        self._folder = folder

    def __enter__(self) -> "Mosquitto":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def database(self) -> Path:
        """Name the file that holds sessions and messages, where `settings` ask for one."""
        return self._folder / "mosquitto.db"

    def start(self) -> None:
        """Start the broker, and wait until it listens."""
        file = self._folder / "mosquitto.conf"
        place = f"persistence_location {self._folder}/"
        file.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", place, *self.settings, ""]))
        with (self._folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([PROGRAM, "-c", str(file)], stdout=log, stderr=log)
        wait_for("the broker", lambda: listens(self.port))

    def stop(self) -> None:
        """Stop it as an administrator would."""
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def kill(self) -> None:
        """End it by SIGKILL."""
        if self.process:
            self.process.kill()
            self.process.wait(60)
            self.process = None


def listens(port: int) -> bool:
    """Tell whether somebody takes connections on a port of the loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
