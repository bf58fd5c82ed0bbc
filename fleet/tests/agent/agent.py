"""An agent that is a process of its own, with a folder of its own."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import World
from picket_fleet.agent import device as devices_of
from picket_fleet.agent.device import Device, Settings
from picket_fleet.agent.observe import observe
from picket_fleet.agent.plan import Container
from picket_fleet.store import devices, keys
from picket_fleet.store.releases import Release
from tests.servers import waiting

DEADLINE_SECONDS = 180.0  # for what takes five on a quiet machine
PROGRAM = Path(__file__).with_name("agent_process.py")

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found]) -> Found:
    """Wait for something that an agent brings about, which takes an engine some time."""
    return waiting.wait_for(what, look, DEADLINE_SECONDS)


class AgentProcess:
    """An agent and its folder."""

    def __init__(self, world: World, engine: DeviceEngine, folder: Path) -> None:
        self.folder = folder
        self.world, self.engine = world, engine
        self._process: subprocess.Popen[bytes] | None = None
        key = keys.new_key()
        settings = Settings(
            health_seconds=0.4,
            health_deadline_seconds=150.0,
            report_seconds=0.5,
            first_retry_seconds=0.2,
            last_retry_seconds=2.0,
            lock_folder=str(folder / "locks"),
        )
        self.device = Device(
            uuid=secrets.token_hex(16),
            key=key,
            server=world.home.configuration.address,
            fingerprint=world.home.fingerprint(),
            signing_key=world.home.public_key().hex(),
            name="house",
            device_type="genericx86-64-ext",
            engine=str(engine.machine.socket),
            settings=settings,
        )
        devices.register(
            world.database, uuid=self.device.uuid, name="house", device_type=self.device.device_type, key=key, now=0.0
        )
        devices_of.save(folder, self.device)

    def change(self, **changes: Any) -> None:
        """Change device.json; `settings` as a mapping."""
        settings = msgspec.structs.replace(self.device.settings, **changes.pop("settings", {}))
        self.device = msgspec.structs.replace(self.device, settings=settings, **changes)
        devices_of.save(self.folder, self.device)

    def start(self, *killed_at: str) -> None:
        """Start it; `killed_at` (when, step) has it kill itself there."""
        with (self.folder / "agent.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, PROGRAM, self.folder, *killed_at],
                stdout=log,
                stderr=log,
                env={**os.environ, "MALLOC_ARENA_MAX": "1"},  # as its service has it
            )

    def wait(self) -> int:
        assert self._process
        return self._process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(DEADLINE_SECONDS)

    def memory(self) -> dict[str, int]:
        """Return what it has now (VmRSS) and had at most (VmHWM), in MB."""
        assert self._process
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return {
            line.split(":")[0]: int(line.split()[1]) // 1024 for line in lines if line.startswith(("VmRSS", "VmHWM"))
        }

    def log(self) -> str:
        return (self.folder / "agent.log").read_text()

    def read(self, name: str) -> dict[str, Any]:
        file = self.folder / f"{name}.json"
        found: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {}
        return found

    def settles_on(self, release: Release) -> dict[str, Container]:
        """Wait until a release is good and nothing else is left, and return its containers."""
        waiting.wait_for(
            f"release {release.commit_id[:7]}",
            lambda: self.is_settled(release),
            DEADLINE_SECONDS,
            lambda: f"; the agent says: {self.log()[-1500:]}",
        )
        found = observe(self.engine.api)
        running = {c.service: c for c in found.containers if c.is_up}
        assert [c.name for c in found.containers if not c.name.endswith(release.commit_id)] == []
        return running

    def is_settled(self, release: Release) -> bool:
        """Tell whether a release is good and nothing else is left."""
        commit = release.commit_id
        is_good = self.read("good").get("commit") == commit
        return is_good and self.read("progress") == {"step": "idle", "release": commit, "services": []}
