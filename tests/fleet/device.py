"""A device of a town: a machine with an agent, which joins by the fleet's own command."""

import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from picket_fleet.agent import device as identities
from picket_fleet.agent.device import Settings
from picket_fleet.store.releases import Release
from tests.servers.devices import Machine
from tests.servers.waiting import wait_for

if TYPE_CHECKING:
    from tests.fleet.town import Town

Found = TypeVar("Found")

SECONDS = 180.0  # for what takes five on a quiet machine
TYPE = "generic-aarch64" if platform.machine() == "aarch64" else "genericx86-64-ext"
FLEET = Path(sys.executable).with_name("fleet")
DOOMED = Path(__file__).with_name("doomed_agent.py")
QUICK = Settings(
    health_seconds=0.4,
    health_deadline_seconds=150.0,
    report_seconds=0.5,
    first_retry_seconds=0.2,
    last_retry_seconds=1.0,
)


class Device:
    """A machine with an agent."""

    def __init__(self, town: "Town", machine: Machine, name: str) -> None:
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
        own = ("--folder", str(self.folder), "--engine", str(self.machine.socket), "--device-type", TYPE)
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
        return wait_for(what, look, seconds, lambda: f"; the agent of {self.name} says: {self.log()[-2000:]}")

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

    def execute(self, service: str, *words: str) -> str:
        """Run a command in a service's container and return what it prints."""
        with self.machine.docker() as api:
            [found] = api.containers(filters={"label": f"io.balena.service-name={service}"})
            command = api.exec_create(found["Id"], list(words))["Id"]
            said = api.exec_start(command)
            assert api.exec_inspect(command)["ExitCode"] == 0, said
        return str(said, "utf-8")

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
