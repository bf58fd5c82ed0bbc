"""A real upsd of Network UPS Tools with a UPS of its own driver for tests, dummy-ups: a file says what it is.

Debian's /usr/sbin/upsd is a wrapper that obeys /etc/nut only, so the programs in /lib/nut are started themselves.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.servers.packages import install_packages
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

PROGRAMS = Path("/lib/nut")
UPS = "eaton"
STALE_AFTER_SECONDS = 10

ON_LINE = {
    "ups.status": "OL CHRG",
    "battery.charge": "98",
    "battery.runtime": "1800",
    "battery.voltage": "27.3",
    "input.voltage": "231.0",
    "output.voltage": "230.5",
    "ups.load": "23",
    "ups.temperature": "31.5",
    "device.description": "room 2: a rack",
}


def installed() -> bool:
    """Install Debian's packages where they are not, and tell whether they are there now."""
    if not (PROGRAMS / "upsd").exists() or not shutil.which("upsrw"):
        install_packages(["nut-server", "nut-client"])
    return (PROGRAMS / "upsd").exists() and bool(shutil.which("upsrw"))


class Upsd:
    """The server and the driver; a context manager that starts and ends both."""

    def __init__(self) -> None:
        """Choose a port; nothing runs yet."""
        (self.port,) = free_ports(1)
        self.folder = Path(tempfile.mkdtemp(prefix="nut"))  # a Unix socket's path has 108 bytes
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._environment = {**os.environ, "NUT_CONFPATH": str(self.folder), "NUT_STATEPATH": str(self.folder)}

    def __enter__(self) -> "Upsd":
        """Start both, and wait until the UPS is known."""
        self.play(ON_LINE)
        self._write("upsd.conf", f"LISTEN 127.0.0.1 {self.port}", f"MAXAGE {STALE_AFTER_SECONDS}")
        self._write("upsd.users", "[admin]", "  password = secret", "  actions = SET")
        self.start_driver()
        wait_for("the driver's socket", (self.folder / f"dummy-ups-{UPS}").exists)
        self._start("upsd", "-u", "root", "-FF")
        wait_for("the UPS", lambda: self.variable("ups.status") not in ("", "WAIT"))
        return self

    def __exit__(self, *_: object) -> None:
        """End both."""
        for name in list(self._processes):
            self.end(name)
        shutil.rmtree(self.folder)

    def start_driver(self) -> None:
        """Start the driver."""
        self._start("dummy-ups", "-a", UPS, "-u", "root", "-FF")

    def play(self, variables: Mapping[str, str], steps: Sequence[tuple[float, str]] = ()) -> None:
        """Have the driver say this when it is started next; then, for so many seconds each, another status."""
        lines = [f"{name}: {value}" for name, value in variables.items()]
        for seconds, status in steps:
            lines += [f"TIMER {seconds:.0f}", f"ups.status: {status}"]
        name, mode = ("ups.seq", "dummy-loop") if steps else ("ups.dev", "dummy-once")
        self._write(name, *lines, *(["TIMER 600"] if steps else []))
        self._write(
            "ups.conf", "pollinterval = 1", f"[{UPS}]", "  driver = dummy-ups", f"  port = {name}", f"  mode = {mode}"
        )

    def set(self, name: str, value: str) -> None:
        """Set a variable, as a person does by upsrw."""
        command = ["upsrw", "-s", f"{name}={value}", "-u", "admin", "-p", "secret", self._address]
        subprocess.run(command, check=True, capture_output=True, timeout=60)

    def variable(self, name: str) -> str:
        """Return what upsd says of a variable, by NUT's own client; "" where it says nothing."""
        done = subprocess.run(["upsc", self._address, name], check=False, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def signal(self, program: str, number: signal.Signals) -> None:
        """Stop a program or let it go on."""
        self._processes[program].send_signal(number)

    def end(self, program: str) -> None:
        """End a program by SIGKILL, as a crash does."""
        process = self._processes.pop(program)
        process.kill()
        process.wait(60)

    @property
    def _address(self) -> str:
        return f"{UPS}@127.0.0.1:{self.port}"

    def _start(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("ab") as log:
            command = [str(PROGRAMS / program), *arguments]
            self._processes[program] = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)

    def _write(self, name: str, *lines: str) -> None:
        (self.folder / name).write_text("\n".join([*lines, ""]))
