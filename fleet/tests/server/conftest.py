"""A real server on loopback, over TLS with the fleet's own certificate, and what people and devices do with it."""

import asyncio
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests

from picket_fleet.home import Configuration, Home, create
from picket_fleet.server.app import run
from picket_fleet.store import devices, keys, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release
from tests.servers.waiting import wait_for

AGENT = "application/vnd.picket.state+json"
DEADLINE_SECONDS = 90.0


class Joined(NamedTuple):
    """A device that has joined."""

    id: int
    uuid: str
    key: str


class Fleet:
    """A running fleet: `database` is another connection than the server's, as the command line's is."""

    def __init__(self, home: Home, port: int) -> None:
        """Reach the server at a port of loopback."""
        self.home = home
        self.port = port
        self.database: Database = home.database()
        self.session = requests.Session()
        self.session.verify = str(home.certificate)
        self.session.trust_env = False

    def call(self, method: str, path: str, key: str = "", **options: Any) -> requests.Response:
        """Send a request with a Bearer key ("": none)."""
        headers = {**({"Authorization": f"Bearer {key}"} if key else {}), **options.pop("headers", {})}
        host = self.home.configuration.registry.partition(":")[0]
        url = f"https://{host}:{self.port}{path}"
        return self.session.request(method, url, headers=headers, timeout=DEADLINE_SECONDS, **options)

    def ask(self, device: Joined, **headers: str) -> requests.Response:
        """Ask for the target state as our agent does."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call("GET", f"/device/v3/{device.uuid}/state", device.key, headers={"Accept": AGENT, **given})

    def join(self, name: str, uuid: str = "", key: str = "") -> Joined:
        """Add a device."""
        uuid, key = uuid or secrets.token_hex(16), key or keys.new_key()
        device = devices.register(
            self.database, uuid=uuid, name=name, device_type="raspberrypi4-64", key=key, now=time.time()
        )
        return Joined(device.id, uuid, key)

    def provisioning_key(self, **options: Any) -> str:
        """Return a new key for machines that join."""
        return keys.give_out(self.database, keys.PROVISIONING, secrets.token_hex(4), **options)

    def publish(self, *layers: bytes, services: tuple[str, ...] = ("web",), composition: Any = None) -> Release:
        """Build a release of these layers: the same images for the same layers."""
        diff_ids = [hashlib.sha256(layer).hexdigest() for layer in layers or (b"layer",)]
        config = json.dumps({"rootfs": {"diff_ids": [f"sha256:{diff_id}" for diff_id in diff_ids]}}).encode()
        begun = releases.begin(self.database, "1.0.0", time.time())
        build = Build(composition or {"services": {}}, dict.fromkeys(services, config))
        return releases.publish(self.database, begun.id, build, self.home.sign, time.time())


@contextmanager
def serving(home: Home, **options: Any) -> Iterator[Fleet]:
    """Run the server in a thread."""
    ports: list[int] = []
    begun = threading.Event()
    ends: list[Callable[[], object]] = []

    def is_up(port: int) -> None:
        ports.append(port)
        begun.set()

    async def until_stopped() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        await run(home, stop, started=is_up, **options)

    def in_thread() -> None:
        try:
            asyncio.run(until_stopped())
        finally:
            begun.set()

    thread = threading.Thread(target=in_thread)
    thread.start()
    assert begun.wait(DEADLINE_SECONDS)
    assert ports, "the server did not start"
    fleet = Fleet(home, ports[0])
    try:
        yield fleet
    finally:
        fleet.session.close()
        fleet.database.close()
        ends[0]()
        thread.join(DEADLINE_SECONDS)
        assert not thread.is_alive()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Make a fleet."""
    return create(
        tmp_path / "fleet", Configuration("house", "raspberrypi4-64", "https://127.0.0.1:8443", "127.0.0.1:0")
    )


@pytest.fixture
def fleet(home: Home) -> Iterator[Fleet]:
    """Serve a fleet without devices or releases."""
    with serving(home) as fleet:
        yield fleet


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Serve one fleet, with a device (key: 32 times "s") and a release, to all of a module that change nothing."""
    configuration = Configuration("house", "raspberrypi4-64", "https://127.0.0.1:8443", "127.0.0.1:0")
    with serving(create(tmp_path_factory.mktemp("running") / "fleet", configuration)) as fleet:
        fleet.join("shed", "a" * 32, "s" * 32)
        fleet.publish()
        yield fleet


@pytest.fixture
def serve() -> Callable[..., Any]:
    """Return how a fleet is served, for who wants it otherwise."""
    return serving


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], Any]:
    """Return how to wait until something is true."""
    return lambda condition: wait_for("it", condition, DEADLINE_SECONDS)
