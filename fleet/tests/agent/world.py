"""A fleet with a real server, whose releases are put together here, of busybox and a script: one takes a moment."""

import asyncio
import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from picket_fleet.agent.device import Device
from picket_fleet.deltas.layers import TarLayer
from picket_fleet.deltas.make import make
from picket_fleet.deltas.release import Image
from picket_fleet.home import Configuration, Home, create
from picket_fleet.server.app import run
from picket_fleet.store import devices, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release
from picket_fleet.zstandard import zstd
from tests.servers import busybox
from tests.servers.ports import free_ports

START_SECONDS = 60.0
SLEEP = "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"


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
        (self.port,) = free_ports(1)
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
        assert begun.wait(START_SECONDS)

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
            self._thread.join(START_SECONDS)
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

    def services(self, device: Device, release: Release) -> dict[str, str]:
        """Return what a device says of the services of a release."""
        return {name: said["status"] for name, said in self.status(device, release).get("services", {}).items()}

    def log(self, device: Device) -> str:
        number = devices.find(self.database, device.uuid).id
        return "\n".join(
            row["message"] for row in self.database.all("SELECT message FROM log WHERE device = ? ORDER BY id", number)
        )

    def image(self, name: str, service: Service) -> bytes:
        base = self._layer(
            {"bin/busybox": busybox.program().read_bytes(), "bin/sh": b"->busybox", "bin/sleep": b"->busybox"}
        )
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
