"""A fleet from nothing, by its own commands: a server on a site's bridge, devices behind it, and a project to push."""

import io
import itertools
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from picket_fleet.agent import device as identities
from picket_fleet.agent.device import Settings
from picket_fleet.home import Home, load
from picket_fleet.store import releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release
from tests.servers.devices import Machine, Site, busybox
from tests.servers.waiting import wait_for

Found = TypeVar("Found")

PORTS = itertools.count(8443)
SECONDS = 60.0
DEVICE_TYPE = "generic-aarch64" if platform.machine() == "aarch64" else "genericx86-64-ext"
FLEET = Path(sys.executable).with_name("fleet")
DOOMED = Path(__file__).with_name("doomed_agent.py")

BASE = "picket-test/busybox:1"
PROGRAMS = ("sh", "cat", "sleep", "touch", "test", "rm", "dd", "mkdir", "wc")
RUNS = "touch /ok\ntrap 'exit 0' TERM\nwhile :; do sleep 1 & wait $!; done\n"
SERVICE = f'FROM {BASE}\nCOPY . /app/\nCMD ["/bin/sh", "/app/run"]\n'
COMPOSE = """\
version: "2.4"
services:
  clock: {build: clock}
  hub:
    build: hub
    restart: always
    volumes: ["state:/data"]
  web:
    build: web
    depends_on: [hub]
    environment: {COLOUR: red}
    healthcheck: {test: ["CMD", "test", "-e", "/ok"], interval: 300ms, timeout: 5s, retries: 2}
volumes: {state: {}}
"""
PROJECT = {
    "docker-compose.yml": COMPOSE,
    "balena.yml": "name: town\ntype: sw.application\nversion: 1.0.0\n",
    **{f"{service}/Dockerfile": SERVICE for service in ("clock", "hub", "web")},
    **{f"{service}/run": f"# the {service}\n{RUNS}" for service in ("clock", "hub", "web")},
}
QUICK = Settings(
    health_seconds=0.4,
    health_deadline_seconds=20.0,
    report_seconds=0.5,
    first_retry_seconds=0.2,
    last_retry_seconds=1.0,
)


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
        run(FLEET, "init", self.folder / "fleet", "--name", "town", "--device-type", DEVICE_TYPE, *where)

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
        wait_for("the server", lambda: self.log().count("https on") > before, SECONDS)

    @property
    def server_pid(self) -> int:
        """Return the server's process id."""
        assert self._server
        return self._server.pid

    def stop(self) -> None:
        """End the server."""
        if self._server and self._server.poll() is None:
            self._server.terminate()
            self._server.wait(20)

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
        done = subprocess.run(
            ["git", *words], cwd=self.copy, env=_person(), stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

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
            return {image.service: image.image_id for image in releases.images(database, release.id)}

    def join(self, machine: Machine, name: str, settings: Settings = QUICK) -> "Device":
        """Have a machine join by the command that the fleet prints for it; its agent is still to be started."""
        device = Device(self, machine, name)
        device.join(settings)
        self.devices.append(device)
        return device

    def says_of(self, device: "Device") -> dict[str, Any]:
        """Return what `fleet devices` says of one."""
        every = json.loads(self.fleet("devices", "--json"))
        found: dict[str, Any] = next(one for one in every if one["name"] == device.name)
        return found


class Device:
    """A machine with an agent."""

    def __init__(self, town: Town, machine: Machine, name: str) -> None:
        """Stand for it."""
        self.town, self.machine, self.name = town, machine, name
        self.folder = machine.folder / "agent"
        self._log = town.folder / f"{name}.log"
        self._began_at = 0  # of the log
        self._process: subprocess.Popen[bytes] | None = None

    def join(self, settings: Settings = QUICK) -> None:
        """Do what `fleet join` says is to be done on the new device."""
        code, said = self.say(*self.invitation())
        assert code == 0, said
        self.change(settings=msgspec.structs.replace(settings, lock_folder=str(self.machine.folder / "locks")))

    def invitation(self) -> list[str]:
        """Have the fleet print the command, and return its words after `fleet device`."""
        command = shlex.split(json.loads(self.town.fleet("join", self.name, "--json"))["command"])
        assert command[:2] == ["fleet", "device"]
        own = ("--folder", str(self.folder), "--engine", str(self.machine.socket), "--device-type", DEVICE_TYPE)
        return [*command[2:], *own, "--no-start"]

    def say(self, *words: str) -> tuple[int, str]:
        """Run `fleet device ...` on the machine; return its exit code and all that it says."""
        process = self.machine.popen(str(FLEET), "device", *words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(timeout=SECONDS)
        return process.returncode, said.decode()

    def identity(self) -> identities.Device:
        """Return device.json."""
        return identities.read(self.folder)

    def change(self, **changes: Any) -> None:
        """Change device.json, which the agent reads at its start."""
        identities.save(self.folder, msgspec.structs.replace(self.identity(), **changes))

    def start(self, moment: str = "", what: str = "kill:0") -> None:
        """Start the agent; it may be one to which something happens at a moment (doomed_agent)."""
        program = [str(FLEET), "device", "run", "--folder", str(self.folder)]
        if moment:
            program = [sys.executable, str(DOOMED), str(self.folder), moment, what]
        with self._log.open("ab") as log:
            self._began_at = log.tell()
            self._process = self.machine.popen(*program, stdout=log, stderr=log)

    def stop(self) -> None:
        """End the agent."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(SECONDS)

    def kill(self) -> None:
        """Let the agent die at once."""
        assert self._process
        self._process.kill()
        self._process.wait(SECONDS)

    def dies(self) -> None:
        """Wait until the agent has killed itself."""
        process = self._process
        assert process
        self.wait("its death", lambda: process.poll() is not None)
        assert process.returncode == -9, self.log()[-2000:]

    def log(self) -> str:
        """Return what the agent said since it was started last."""
        return self._log.read_bytes()[self._began_at :].decode(errors="replace")

    def read(self, name: str) -> dict[str, Any]:
        """Return one of the agent's files."""
        file = self.folder / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
        return found

    def wait(self, what: str, look: Callable[[], Found], seconds: float = SECONDS) -> Found:
        """Wait for something, and fail with the agent's own words when it does not come."""
        try:
            return wait_for(what, look, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; the agent of {self.name} says: {self.log()[-2000:]}") from None

    def is_settled(self, release: Release) -> bool:
        """Tell whether the agent has found a release to be good, and is done."""
        commit = release.commit_id
        idle = {"step": "idle", "release": commit, "services": []}
        return self.read("good").get("commit") == commit and self.read("progress") == idle

    def settles(self, release: Release, seconds: float = SECONDS) -> dict[str, str]:
        """Wait until a release runs and nothing else is left; return the ids of its containers by service."""
        self.wait(f"release {release.version}", lambda: self.is_settled(release) or self._has_ended(), seconds)
        return self.runs(release)

    def runs(self, release: Release) -> dict[str, str]:
        """Check that all of one release runs, and only that; return the ids of its containers by service."""
        images = self.town.images(release)
        with self.machine.docker() as api:
            containers = api.all_containers()
            present = {image["Id"].removeprefix("sha256:") for image in api.images()}
        found = {
            c["Config"]["Labels"]["io.balena.service-name"]: (c["Image"].removeprefix("sha256:"), c["State"]["Status"])
            for c in containers
        }
        assert found == {service: (image, "running") for service, image in images.items()}
        assert len(containers) == len(images)
        assert {c["Name"].rpartition("_")[2] for c in containers} == {release.commit_id}
        assert present == set(images.values())
        assert list((self.folder / "downloads").iterdir()) == []
        return {c["Config"]["Labels"]["io.balena.service-name"]: c["Id"] for c in containers}

    def running(self) -> dict[str, str]:
        """Return the images that run, by service."""
        with self.machine.docker() as api:
            return {
                c["Config"]["Labels"]["io.balena.service-name"]: c["Image"].removeprefix("sha256:")
                for c in api.all_containers()
                if c["State"]["Status"] == "running"
            }

    def execute(self, service: str, *words: str) -> None:
        """Run a command in a service's container."""
        with self.machine.docker() as api:
            [found] = api.containers(filters={"label": f"io.balena.service-name={service}"})
            command = api.exec_create(found["Id"], list(words))["Id"]
            said = api.exec_start(command)
            assert api.exec_inspect(command)["ExitCode"] == 0, said

    def layer(self, service: str) -> Path:
        """Return where the engine has the files of a service's topmost layer."""
        with self.machine.docker() as api:
            image: dict[str, Any] = api.inspect_image(self.running()[service])  # type: ignore[no-untyped-call]
            return Path(image["GraphDriver"]["Data"]["UpperDir"])

    def orphans(self) -> set[str]:
        """Return the folders of the engine's layers that belong to nothing."""
        layers = self.machine.root / "image/overlay2/layerdb"
        named = [*layers.glob("sha256/*/cache-id"), *layers.glob("mounts/*/mount-id"), *layers.glob("mounts/*/init-id")]
        there = {folder.name for folder in (self.machine.root / "overlay2").iterdir()}
        return there - {file.read_text() for file in named} - {"l"}

    def _has_ended(self) -> bool:
        """Fail early where the agent has ended by itself."""
        assert self._process and self._process.poll() is None, "the agent has ended"
        return False


def run(*words: object) -> str:
    """Run a program and return what it prints."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=_person())
    assert done.returncode == 0, f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}"
    return done.stdout


def load_base(machine: Machine) -> None:
    """Give an engine the base image of the project: a busybox, and nothing else."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in ("bin", "dev", "etc", "proc", "sys", "tmp", "data"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        tar.add(busybox(), "bin/busybox")
        for name in PROGRAMS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    repository, _, tag = BASE.partition(":")
    with machine.docker() as api:
        api.import_image_from_data(out.getvalue(), repository=repository, tag=tag)


def _person() -> dict[str, str]:
    """Return an environment for git that knows neither this machine's settings nor its user."""
    person = {f"GIT_{who}_{what}": "me@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PICKET", "DOCKER"))}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return {**kept, **person, **settings}
