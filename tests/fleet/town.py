"""A fleet from nothing, by its own commands: a server on a site's bridge, and a project to push."""

import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from picket_fleet.agent.device import Settings
from picket_fleet.home import Home, load
from picket_fleet.store import images, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release
from tests.fleet.device import FLEET, QUICK, SECONDS, TYPE, Device
from tests.servers.devices import Machine, Site
from tests.servers.git import environment, git
from tests.servers.waiting import wait_for

PORTS = itertools.count(8443)


class RollOut(NamedTuple):
    """What became of a push."""

    containers: list[dict[str, str]]  # of each device: their ids by service
    push_seconds: float
    all_well_seconds: float  # from the push's beginning
    received_bytes: list[int]  # of each device: everything that its network card got meanwhile

    def __str__(self) -> str:
        """Say it in figures."""
        return (
            f"pushed in {self.push_seconds:.1f} s, on {len(self.containers)} devices and well after"
            f" {self.all_well_seconds:.1f} s; received {', '.join(f'{count:,}' for count in self.received_bytes)} bytes"
        )


class Town:
    """A fleet, its server, and a working copy of a project whose remote `fleet` it is."""

    def __init__(self, folder: Path, site: Site, builder: str) -> None:
        """Begin with nothing: `fleet init`, `git init`, `git remote add`."""
        self.folder, self.site = folder, site
        self._port = next(PORTS)
        self.address = f"https://{site.address}:{self._port}"
        self.devices: list[Device] = []
        self._server: subprocess.Popen[bytes] | None = None
        self._init(builder)
        self.copy = folder / "copy"
        self.copy.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "fleet", str(self.home.repository))

    def _init(self, builder: str) -> None:
        where = ("--address", self.address, "--listen", f"{self.site.address}:{self._port}", "--engine", builder)
        run(FLEET, "init", self.folder / "fleet", "--name", "town", "--device-type", TYPE, *where)

    @property
    def home(self) -> Home:
        """Return the fleet's folder."""
        return load(self.folder / "fleet")

    @contextmanager
    def database(self) -> Iterator[Database]:
        """Open the fleet's database, for what no command says, or does."""
        database = self.home.database()
        try:
            yield database
        finally:
            database.close()

    def fleet(self, *words: str) -> str:
        """Run a command of the fleet's and return what it prints."""
        return run(FLEET, "--fleet", self.folder / "fleet", *words)

    def start(self) -> None:
        """Start the server, unless it runs, and wait until it answers."""
        if self._server and self._server.poll() is None:
            return
        before = self.log().count("https on")
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                # it is not to outlive tests that are themselves killed
                ["setpriv", "--pdeathsig", "KILL", FLEET, "--fleet", self.folder / "fleet", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_for("the server", lambda: self.log().count("https on") > before, SECONDS, lambda: self.log()[-1000:])

    @property
    def server_pid(self) -> int:
        """Return the server's process id."""
        assert self._server
        return self._server.pid

    def stop(self) -> None:
        """End the server."""
        if self._server and self._server.poll() is None:
            self._server.terminate()
            self._server.wait(SECONDS)

    def log(self) -> str:
        """Return what the server said."""
        file = self.folder / "server.log"
        return file.read_text() if file.exists() else ""

    def close(self) -> None:
        """End the server and all agents, and leave the machines empty."""
        for device in self.devices:
            device.stop()
        self.stop()
        for device in self.devices:
            device.machine.wipe()

    def git(self, *words: str, check: bool = True) -> str:
        """Run git in the working copy; return all that it says."""
        return git(self.copy, *words, check=check)

    def commit(self, files: Mapping[str, str | bytes]) -> None:
        """Write files and commit them."""
        for name, content in files.items():
            path = self.copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=a change")

    def push(self, files: Mapping[str, str | bytes]) -> Release:
        """Commit files, push, and return the release that came of it."""
        self.commit(files)
        return self.released(self.git("push", "fleet", "main"))

    def roll_out(self, files: Mapping[str, str | bytes], seconds: float = SECONDS) -> RollOut:
        """Push, wait until all devices run it, and say how that went."""
        before = [device.machine.received_bytes() for device in self.devices]
        began = time.monotonic()
        release = self.push(files)
        pushed = time.monotonic() - began
        containers = [device.settles(release, seconds) for device in self.devices]
        took = time.monotonic() - began
        received = [d.machine.received_bytes() - b for d, b in zip(self.devices, before, strict=True)]
        return RollOut(containers, pushed, took, received)

    def released(self, said: str) -> Release:
        """Return the release that a push says it has built."""
        found = re.search(r"\[Success\].*\(([0-9a-f]{32})\)", said)
        assert found, said
        with self.database() as database:
            release = releases.of_commit(database, found[1])
        assert release
        return release

    def latest(self) -> Release:
        """Return the release that devices follow."""
        with self.database() as database:
            return releases.find(database, "latest")

    def push_over_https(self, token: str, *, check: bool = True) -> str:
        """Push with a token, as from another machine; return what is said."""
        remote = f"{self.address.replace('://', f'://me:{token}@')}/git/town.git"
        return self.git("-c", f"http.sslCAInfo={self.home.certificate}", "push", remote, "main", check=check)

    def images(self, release: Release) -> dict[str, str]:
        """Return the ids of a release's images by service."""
        with self.database() as database:
            return {image.service: image.image_id for image in images.of(database, release.id)}

    def join(self, machine: Machine, name: str, settings: Settings = QUICK) -> Device:
        """Have a machine join by the command that the fleet prints for it; its agent is still to be started."""
        device = Device(self, machine, name)
        device.join(settings)
        self.devices.append(device)
        return device

    def says_of(self, device: Device) -> dict[str, Any]:
        """Return what `fleet devices` says of one."""
        every = json.loads(self.fleet("devices", "--json"))
        found: dict[str, Any] = next(one for one in every if one["name"] == device.name)
        return found


def run(*words: object) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout
