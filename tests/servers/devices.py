"""Machines with a Docker engine of their own, each behind its own network card: devices of a fleet, and its builder.

    this host        the bridge of a Site, 10.88.<number>.1/24: what listens there is reached by every machine
    a machine        a network namespace with one card on that bridge, 10.88.<number>.<11..>
    its engine       dockerd in that namespace, and in process and mount namespaces of its own: to kill the first
                     process of these is to cut the power, nothing of it lives on

Nothing of the host's own network is changed. All is swept at the end; what a run left that was itself killed, the next
run sweeps. It needs root.
"""

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from tests.servers import busybox, packages
from tests.servers.dockerd import PACKAGES, Dockerd
from tests.servers.packages import SBIN
from tests.servers.waiting import wait_for

SITES = 200
STOP_SECONDS = 150
APART = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


class Site:
    """A bridge on this host and the machines behind it: a context manager that leaves nothing behind."""

    def __init__(self, folder: Path) -> None:
        """Keep the machines' files in `folder`; nothing is there yet."""
        self.folder = folder
        self.machines: list[Machine] = []
        self.name = ""
        self._number = 0
        self._exit = ExitStack()

    def __enter__(self) -> "Site":
        self._number = self._take_number()
        self.name = f"pkt{self._number}"
        self._sweep()
        _ip("link", "add", self.name, "type", "bridge")
        self._exit.callback(self._sweep)
        _ip("address", "add", f"{self.address}/24", "dev", self.name)
        _ip("link", "set", self.name, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for machine in self.machines:
            machine.remove()
        self._exit.close()

    @property
    def address(self) -> str:
        """Return this host's address on the bridge."""
        return self.at(1)

    def at(self, host: int) -> str:
        """Return an address behind the bridge."""
        return f"10.88.{self._number}.{host}"

    def machine(self, name: str, *, disk_megabytes: int = 0) -> "Machine":
        """Add a machine, whose engine is still to be started; its disk may be a small one."""
        number = len(self.machines) + 1
        machine = Machine(self, self.folder / name, f"{self.name}-{number}", self.at(10 + number))
        self.machines.append(machine)
        machine.plug_in(disk_megabytes)
        return machine

    def _take_number(self) -> int:
        """Take a number that no other run has, for as long as this process lives."""
        for number in range(SITES):
            file = Path(f"/tmp/picket-test-site-{number}.lock").open("w")  # noqa: SIM115
            self._exit.callback(file.close)
            with suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return number
        raise AssertionError("no number is free")

    def _sweep(self) -> None:
        """Remove what there is of this site's number."""
        for name in _namespaces():
            if name.startswith(f"{self.name}-"):
                _end(name)
        if Path(f"/sys/class/net/{self.name}").exists():
            _ip("link", "delete", self.name)


class Machine(Dockerd):
    """A machine of a site, and its engine."""

    def __init__(self, site: Site, folder: Path, namespace: str, address: str) -> None:
        """Stand for it; `Site.machine` makes one."""
        self.site, self.namespace, self.address = site, namespace, address
        self._network = ("nsenter", f"--net=/run/netns/{namespace}")
        options = ("--bip", "172.31.0.1/24", "--exec-opt", "native.cgroupdriver=cgroupfs")
        super().__init__(folder, *options, "--cgroup-parent", f"/{namespace}", inside=(*self._network, *APART))

    def plug_in(self, disk_megabytes: int) -> None:
        """Connect it with the bridge, and give it a disk."""
        _ip("netns", "add", self.namespace)
        card = self._card
        _ip("link", "add", card, "type", "veth", "peer", "name", "eth0", "netns", self.namespace)
        _ip("link", "set", card, "master", self.site.name, "up")
        for words in (
            ("address", "add", f"{self.address}/24", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", self.site.address),
        ):
            _ip("-netns", self.namespace, *words)
        self.folder.mkdir(parents=True)
        if disk_megabytes:
            _run("mount", "-t", "tmpfs", "-o", f"size={disk_megabytes}m", self.namespace, str(self.folder))

    @property
    def pid(self) -> int:
        """Return the process id of the engine, whose end is that of all that it began."""
        assert self._process
        [pid] = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(pid)

    def cut_power(self) -> None:
        """End the engine, and all that it runs, at once."""
        if not self.is_down:
            os.kill(self.pid, signal.SIGKILL)
        self.wait_for_the_end()

    def wait_for_the_end(self) -> None:
        """Wait until somebody has cut the power, and nothing is left."""
        if self._process:
            self._process.wait(STOP_SECONDS)

    def wipe(self) -> None:
        """Start it anew, with an empty disk."""
        self.cut_power()
        for name in ("data", "exec", "agent", "locks"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        self.start()

    def remove(self) -> None:
        """End everything of it, and remove its files."""
        self.cut_power()
        _end(self.namespace)
        shutil.rmtree(self.folder, ignore_errors=True)

    def popen(self, *words: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Start a program that is on this machine's network; its process id is the program's own."""
        environment = {**os.environ, "PATH": SBIN}
        return subprocess.Popen([*self._network, *words], stdin=subprocess.DEVNULL, env=environment, **options)

    def starter(self, program: str) -> Path:
        """Write a script that runs a program on this machine's network, for those who can start but one file."""
        script = self.folder / Path(program).name
        script.write_text(f'#!/bin/sh\nexec {shlex.join([*self._network, program])} "$@"\n')
        script.chmod(0o755)
        return script

    def received_bytes(self) -> int:
        """Return what its network card has received so far, headers and all."""
        return int(Path(f"/sys/class/net/{self._card}/statistics/tx_bytes").read_text())

    @property
    def _card(self) -> str:
        return f"v{self.namespace}"


def missing() -> str:
    """Install what machines need, where this user may; return what is still missing, for people."""
    needs_root = "" if os.geteuid() == 0 else "engines and network namespaces need root"
    return packages.missing(_lacking) or needs_root


def _lacking() -> list[str]:
    """Name Debian's packages of programs that are not here."""
    return [*packages.lacking({**PACKAGES, "nsenter": "util-linux", "git": "git"}), *busybox.lacking()]


def _end(namespace: str) -> None:
    """Remove a network namespace with all that runs in it, its disk if it has its own, and its control groups."""
    for pid in _run("ip", "netns", "pids", namespace).split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    if Path(f"/sys/class/net/v{namespace}").exists():
        _ip("link", "delete", f"v{namespace}")  # by itself it would go some time later
    _ip("netns", "delete", namespace)
    wait_for("the last process", lambda: not _processes_of_cgroup(namespace), STOP_SECONDS)
    for line in Path("/proc/mounts").read_text().splitlines():
        source, where, *_ = line.split()
        if source == namespace:
            _run("umount", "--lazy", where)
    groups = Path("/sys/fs/cgroup")
    for top in (*groups.glob(namespace), *groups.glob(f"*/{namespace}")):
        for folder, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(folder).rmdir()


def _processes_of_cgroup(name: str) -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cgroup"):
        with suppress(OSError):
            if f"/{name}/" in file.read_text():
                found.append(file.parent.name)
    return found


def _namespaces() -> list[str]:
    listed = json.loads(_run("ip", "-json", "netns", "list") or "[]")
    return [entry["name"] for entry in listed]


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*words: str) -> str:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "PATH": SBIN}, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr.strip()}"
    return done.stdout
