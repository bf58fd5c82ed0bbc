"""A real rsyslogd as the server that logs are forwarded to; it keeps what it is sent as it understood it."""

import json
import subprocess
from pathlib import Path
from typing import NamedTuple, Self

from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

PROGRAM = "/usr/sbin/rsyslogd"
CONFIGURATION = """\
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="entry" type="list" option.jsonf="on") {{
    property(outname="host" name="hostname" format="jsonf")
    property(outname="app" name="app-name" format="jsonf")
    property(outname="severity" name="syslogseverity-text" format="jsonf")
    property(outname="time" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="text" name="msg" format="jsonf")
}}
if $programname != "rsyslogd" then action(type="omfile" file="{folder}/received" template="entry")
"""


class Entry(NamedTuple):
    """A message as the server understood it."""

    host: str
    app: str
    severity: str
    time: str
    text: str


class Rsyslog:
    """The server, on a port of its own; a context manager that starts and stops it."""

    def __init__(self, folder: Path) -> None:
        """Choose a port; nothing listens yet."""
        (self._port,) = free_ports(1)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        (folder / "server.conf").write_text(CONFIGURATION.format(folder=folder, port=self._port))

    @property
    def address(self) -> str:
        """What RSYSLOG_SERVER is to be."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen, on the same port every time; what was received is kept."""
        with (self._folder / "server.log").open("ab") as log:
            command = [PROGRAM, "-n", "-f", str(self._folder / "server.conf"), "-i", "NONE"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)

    def stop(self) -> None:
        """Write what was received, and be away: connections are refused."""
        if self._process:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def entries(self, app: str = "") -> list[Entry]:
        """Return what was received (of one service), in order."""
        try:
            lines = (self._folder / "received").read_text().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        entries = [Entry(**json.loads(line)) for line in lines if line.endswith("\n")]
        return [entry for entry in entries if app in ("", entry.app)]

    def wait(self, text: str, app: str = "", seconds: float = 30.0) -> Entry:
        """Wait for a message that has this in its text."""

        def found() -> Entry | None:
            return next((entry for entry in self.entries(app) if text in entry.text), None)

        entry = wait_for(f"{text!r} at the log server", found, seconds)
        assert entry
        return entry

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
