"""A fleet's server and the agent of a device, between which every byte is counted; without TLS, and with all else."""

import asyncio
import http.client
import secrets
import socket
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.agent import target
from picket_fleet.agent.device import Device
from picket_fleet.agent.report import Doing, apps, difference
from picket_fleet.agent.server import Server
from picket_fleet.home import Home
from picket_fleet.server.app import application
from picket_fleet.store import devices, keys

WAIT_SECONDS = 30.0
REPORTED = ("downloading", "applying changes", "done")


class Wire:
    """A server that runs, and a device that has joined: a context manager."""

    def __init__(self, home: Home, folder: Path, device_type: str) -> None:
        """Let the device join; nothing runs yet."""
        self._home, self._folder = home, folder
        uuid, key = secrets.token_hex(16), keys.new_key()
        database = home.database()
        devices.register(database, uuid=uuid, name="bench", device_type=device_type, key=key, now=time.time())
        database.close()
        self._device = Device(uuid, key, "", "", home.public_key().hex())
        self._agent = _Agent(self._device)
        self._running, self._etag = "", ""
        self._told: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Wire":
        self._thread.start()
        self._agent.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(WAIT_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._agent.close()
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(WAIT_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WAIT_SECONDS)

    def follow(self) -> int:
        """Go to the release that the server names, and return the bytes of all that was said, both ways, but layers.

        It is what the agent says: the question, the delta where the answer does not have it, how it goes, and the next
        question, by which the server knows what runs.
        """
        before = self._agent.counted
        answer = self._agent.target(self._running, self._etag, WAIT_SECONDS)
        assert answer is not None
        aim = target.read(answer.body, self._device)
        assert aim.release is not None
        if aim.offer and aim.offer.data is None:
            path = f"/delta/{aim.offer.base}/{aim.release.commit}"
            self._agent.download(path, self._folder / "delta", lambda _: None, lambda *_: None, lambda: None)
        for status in REPORTED:
            doing = Doing(aim.release, status, dict.fromkeys(aim.release.state.services, "Running"))
            now = {"apps": apps(doing, None, ())}
            self._agent.report(msgspec.json.encode({self._device.uuid: difference(self._told, now)}))
            self._told = now
        self._running, self._etag = aim.release.commit, answer.etag
        assert self._agent.target(self._running, self._etag, 0) is None
        return self._agent.counted - before

    async def _start(self) -> int:
        self._runner = web.AppRunner(
            application(self._home, self._home.database()), access_log=None, auto_decompress=False
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])


class _Agent(Server):
    """The agent's side of the conversation, whose connection counts."""

    port = 0
    counted = 0

    def _connect(self) -> Any:
        return _Connection(self)


class _Connection(http.client.HTTPConnection):
    def __init__(self, agent: _Agent) -> None:
        super().__init__("127.0.0.1", agent.port)
        self._agent = agent

    def connect(self) -> None:
        super().connect()
        self.sock = _Counting(self.sock, self._agent)

    def set_timeout(self, seconds: float) -> None:
        self.timeout = seconds
        if self.sock:
            self.sock.settimeout(seconds)


class _Counting(socket.socket):
    """A socket that counts what passes."""

    def __init__(self, plain: socket.socket, agent: _Agent) -> None:
        seconds = plain.gettimeout()
        super().__init__(fileno=plain.detach())
        self.settimeout(seconds)
        self._agent = agent

    def sendall(self, data: Any, flags: int = 0) -> None:
        self._agent.counted += memoryview(data).nbytes
        super().sendall(data, flags)

    def recv_into(self, *arguments: Any) -> int:
        count = super().recv_into(*arguments)
        self._agent.counted += count
        return count
