"""A real engine in a network namespace of its own, a real server, and an agent that is a process of its own.

Images are put together here, of busybox and a script: a release takes a moment.
"""

import asyncio
import contextlib
import hashlib
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
from aiohttp import web

from picket_fleet.agent import device as devices_of
from picket_fleet.agent.device import Device, Settings
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import AgentError
from picket_fleet.agent.observe import observe
from picket_fleet.agent.plan import Container
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.make import make
from picket_fleet.deltas.release import Image
from picket_fleet.home import Configuration, Home, create
from picket_fleet.server.app import run
from picket_fleet.store import devices, keys, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release
from picket_fleet.zstandard import zstd

DEADLINE_SECONDS = 60.0
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
SLEEP = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"
HERE = Path(__file__).parent

Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found], seconds: float = DEADLINE_SECONDS) -> Found:
    """Look until something is found, and return it; fails by name when time is up."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain for {what}"
        threading.Event().wait(0.05)
    return found


class DockerEngine:
    """dockerd in a folder and a network namespace of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.api = Engine(self.socket)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.folder / "exec", ignore_errors=True)
        (self.folder / "dockerd.pid").unlink(missing_ok=True)
        (self.folder / "daemon.json").write_text("{}\n")
        dockerd = [
            *("dockerd", "--host", f"unix://{self.socket}", "--data-root", f"{self.folder}/data"),
            *("--exec-root", f"{self.folder}/exec", "--pidfile", f"{self.folder}/dockerd.pid"),
            *("--config-file", f"{self.folder}/daemon.json", "--storage-driver", "overlay2", "--log-level", "warn"),
            *("--bip", "172.31.0.1/24"),
        ]
        command = ["unshare", "--net", "--mount", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *dockerd]
        with (self.folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PATH": SBIN}
            )
        wait_for("the engine", self.answers)

    def answers(self) -> bool:
        try:
            return bool(self.api.get("/info"))
        except AgentError:
            assert self._process is None or self._process.poll() is None, self.log()[-2000:]
            return False

    def kill(self) -> None:
        """End the engine, and all that it started, as a power cut does."""
        assert self._process
        os.kill(self._process.pid, signal.SIGKILL)
        for pid in _who_names(str(self.folder)):
            for one in [pid, *_everyone_below(pid)]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(40)
            except subprocess.TimeoutExpired:
                self.kill()

    def log(self) -> str:
        return (self.folder / "dockerd.log").read_text(errors="replace")

    def clear(self) -> None:
        """Remove all there is."""
        for container in self.api.get("/containers/json", all=1):
            self.api.delete(f"/containers/{container['Id']}", force=1, v=1)
        for image in self.api.get("/images/json"):
            self.api.delete(f"/images/{image['Id']}", force=1)
        for volume in self.api.get("/volumes").get("Volumes") or []:
            self.api.delete(f"/volumes/{volume['Name']}", force=1)
        self.api.post("/networks/prune")

    def containers(self) -> dict[str, Container]:
        """Return what runs, by service."""
        return {c.service: c for c in observe(self.api).containers if c.state == "running"}


def _who_names(folder: str) -> list[int]:
    """Return the processes that have a folder on their command lines: containerd, and the containers' shims."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if any(word.startswith(f"{folder}/exec") for word in words):
                found.append(int(process.name))
    return found


def _everyone_below(pid: int) -> list[int]:
    """Return the processes that a process started, and those started."""
    found = []
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *_everyone_below(int(child))]
    return found


class Service(NamedTuple):
    """What a service of a test's release does."""

    script: str = SLEEP
    compose: Mapping[str, Any] = {}
    config: Mapping[str, Any] = {}
    below: Mapping[str, bytes] = {}  # files of a layer between that of busybox and the script's
    more: Mapping[str, bytes] = {}  # files of the script's layer


class World:
    """A fleet with its server, which can go away and come back at the same port."""

    def __init__(self, folder: Path, has_deltas: bool = True) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        configuration = Configuration(
            name="town",
            device_type="genericx86-64-ext",
            address=f"https://127.0.0.1:{self.port}",
            listen=f"127.0.0.1:{self.port}",
        )
        self.home: Home = create(folder / "fleet", configuration)
        self.database: Database = self.home.database()
        self.has_deltas = has_deltas
        self.asked: list[str] = []  # paths, in order
        self.resumed: list[str] = []  # those of them that were asked for from somewhere in the middle
        self.breaks_off = False  # layers, in the middle
        self.spoils_deltas = False
        self._spoiled: dict[Path, bytes] | None = None
        self.sign = self.home.sign
        self.tars = folder / "tars"
        self.tars.mkdir()
        self._images: dict[str, list[Image]] = {}
        self._end: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        begun = threading.Event()

        async def until_stopped() -> None:
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            self._end = lambda: loop.call_soon_threadsafe(stop.set)
            await run(self.home, stop, started=lambda _port: begun.set(), mounts=[self._listen_in])

        self._thread = threading.Thread(target=lambda: asyncio.run(until_stopped()))
        self._thread.start()
        assert begun.wait(DEADLINE_SECONDS)

    def _listen_in(self, app: web.Application, _home: Home) -> None:
        """Note what is asked for."""

        async def note(request: web.Request, _response: web.StreamResponse) -> None:
            self.asked.append(request.path)
            if "Range" in request.headers:
                self.resumed.append(request.path)

        @web.middleware
        async def break_off(request: web.Request, handler: Any) -> web.StreamResponse:
            if not self.breaks_off or not request.path.startswith("/layer/"):
                answer: web.StreamResponse = await handler(request)
                return answer
            data = self.home.layer(request.path.removeprefix("/layer/")).read_bytes()
            half = web.StreamResponse(headers={"Content-Length": str(len(data))})
            await half.prepare(request)
            await half.write(data[: len(data) // 2])
            request.transport.close()  # type: ignore[union-attr]
            return half

        app.middlewares.append(break_off)
        app.on_response_prepare.append(note)

    def stop(self) -> None:
        if self._thread and self._end:
            self._end()
            self._thread.join(DEADLINE_SECONDS)
            self._thread = None

    def publish(self, networks: Mapping[str, Any] | None = None, **services: Service) -> Release:
        """Build, and announce."""
        begun = releases.begin(self.database, "1.0.0", time.time())
        configs = {name: self.image(name, service) for name, service in services.items()}
        images = list({Image.of(configs[name]).id: Image.of(configs[name]) for name in sorted(configs)}.values())
        composition: dict[str, Any] = {
            "services": {name: {"tty": False, **service.compose} for name, service in services.items()},
            "volumes": {"state": {}},
            "networks": networks or {},
        }
        if self.has_deltas:
            for commit, base in self._images.items():
                data = make(base, images, lambda diff_id: TarLayer(self.tars / diff_id))
                if self.spoils_deltas:
                    data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
                self.home.delta(commit, begun.commit_id).write_bytes(data)
        self._images[begun.commit_id] = images
        return releases.publish(self.database, begun.id, Build(composition, configs), self.sign, time.time())

    def spoil_next_layer(self) -> Callable[[], None]:
        """Damage the next layer that is new; returns what mends it."""
        self._spoiled = {}

        def mend() -> None:
            for file, data in (self._spoiled or {}).items():
                file.write_bytes(data)
            self._spoiled = None

        return mend

    def layers_of(self, release: Release) -> list[str]:
        return list(dict.fromkeys(layer for image in self._images[release.commit_id] for layer in image.layers))

    def layers_asked(self) -> list[str]:
        """Return the layers that were asked for, in order."""
        return [path.removeprefix("/layer/") for path in self.asked if path.startswith("/layer/")]

    def delta(self, base: Release, release: Release) -> Path:
        return self.home.delta(base.commit_id, release.commit_id)

    def report(self, device: Device) -> dict[str, Any]:
        """Return what a device says of its releases."""
        said = devices.find(self.database, device.uuid).report
        return next(iter(said.get("apps", {}).values()), {})

    def status(self, device: Device, release: Release) -> dict[str, Any]:
        found: dict[str, Any] = self.report(device).get("releases", {}).get(release.commit_id, {})
        return found

    def log(self, device: Device) -> str:
        number = devices.find(self.database, device.uuid).id
        return "\n".join(
            row["message"] for row in self.database.all("SELECT message FROM log WHERE device = ? ORDER BY id", number)
        )

    def image(self, name: str, service: Service) -> bytes:
        base = self._layer({"bin/busybox": BUSYBOX.read_bytes(), "bin/sh": b"->busybox", "bin/sleep": b"->busybox"})
        middle = [self._layer(service.below)] if service.below else []
        top = self._layer({"app": f"{service.script}\n".encode(), "etc/service": name.encode(), **service.more})
        layers = [base, *middle, top]
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": ["/bin/sh", "/app"], "Env": ["PATH=/bin"], **service.config},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}" for layer in layers]},
            "history": [{"created_by": layer} for layer in layers],
        }
        return json.dumps(config, sort_keys=True).encode()

    def _layer(self, files: Mapping[str, bytes]) -> str:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for folder in ("bin", "dev", "etc", "proc", "sys", "tmp"):
                member = tarfile.TarInfo(folder)
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(member)
            for path, content in files.items():
                member = tarfile.TarInfo(path)
                member.mode = 0o755
                if content.startswith(b"->"):
                    member.type, member.linkname = tarfile.SYMTYPE, content[2:].decode()
                    content = b""
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        data = out.getvalue()
        diff_id = hashlib.sha256(data).hexdigest()
        file = self.home.layer(diff_id)
        if not file.exists():
            (self.tars / diff_id).write_bytes(data)
            packed = zstd.compress(data)
            if self._spoiled is not None:
                self._spoiled[file] = packed
                packed = packed[:60] + bytes([packed[60] ^ 1]) + packed[61:]
            file.write_bytes(packed)
        return diff_id


class AgentProcess:
    """An agent and its folder."""

    def __init__(self, world: World, engine: DockerEngine, folder: Path) -> None:
        self.folder = folder
        self.world, self.engine = world, engine
        self._process: subprocess.Popen[bytes] | None = None
        key = keys.new_key()
        settings = Settings(
            health_seconds=1.0,
            health_deadline_seconds=20.0,
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
            engine=str(engine.socket),
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
                [sys.executable, HERE / "agent_process.py", self.folder, *killed_at],
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
            self._process.wait(30)

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
        commit = release.commit_id

        def settled() -> bool:
            is_good = self.read("good").get("commit") == commit
            return is_good and self.read("progress") == {"step": "idle", "release": commit, "services": []}

        try:
            wait_for(f"release {commit[:7]}", settled)
        except AssertionError as error:
            raise AssertionError(f"{error}; the agent says: {self.log()[-1500:]}") from None
        found = observe(self.engine.api)
        running = {c.service: c for c in found.containers if c.is_up}
        assert [c.name for c in found.containers if not c.name.endswith(commit)] == []
        return running


BUSYBOX = Path(shutil.which("busybox") or "/bin/busybox")


def _lacking() -> str:
    programs = [name for name in ("dockerd", "unshare", "ip", "iptables") if not shutil.which(name, path=SBIN)]
    if not BUSYBOX.exists() or b"ld-linux" in BUSYBOX.read_bytes()[:4096]:
        programs.append("busybox-static")
    return ", ".join(programs) or ("" if os.geteuid() == 0 else "root")


@pytest.fixture(scope="session")
def the_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerEngine]:
    if lacking := _lacking():
        pytest.skip(f"no engine can be started: {lacking} missing")
    engine = DockerEngine(tmp_path_factory.mktemp("engine"))
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def engine(the_engine: DockerEngine) -> Iterator[DockerEngine]:
    yield the_engine
    if not the_engine.answers():
        the_engine.start()
    the_engine.clear()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    world.start()
    yield world
    world.stop()
    world.database.close()


@pytest.fixture
def agent(world: World, engine: DockerEngine, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(world, engine, tmp_path / "device")
    yield agent
    agent.stop()
