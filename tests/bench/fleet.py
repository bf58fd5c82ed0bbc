"""What a fleet of 10, 100 and 1,000 devices takes of its server: processor, memory, and how long devices wait.

The server is the real one, over HTTPS on loopback; devices are simulated in processes of their own (fleet_devices.py).
"""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from picket_fleet.home import Configuration, Home, create
from picket_fleet.remote import repository
from picket_fleet.store import devices, releases
from picket_fleet.store.releases import Build, Release
from tests.bench.collectors import processor_seconds
from tests.bench.figures import Figure, p50, p99, progress
from tests.bench.memory import private, rollup
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for

SIZES = (10, 100, 1000)
PROBES = 10.0  # a second, whatever the number of devices
PROCESSES = 2
STEADY_SECONDS = 60.0
SERVICES = 11
DELTA_BYTES = 3000
AIM_SECONDS = 0.05
AIM = "50 ms"
CORE = "one core"


def run() -> Iterator[Figure]:
    """Measure each size with a server of its own; the growth is of the last two."""
    shares: dict[int, float] = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory(prefix="picket-bench-") as folder:
            for figure in _measure(Path(folder), size):
                if figure.metric == "processor":
                    shares[size] = figure.value
                yield figure
    less, more = SIZES[-2:]
    growth = (shares[more] / more) / (shares[less] / less)
    case = f"a device of {more} beside one of {less}"
    yield Figure(case=case, metric="processor_growth", value=growth, unit="1", against="linear growth", ratio=growth)


def _measure(folder: Path, size: int) -> Iterator[Figure]:
    case = f"{size} devices"
    progress(f"  {case}")
    (port,) = free_ports(1)
    place = f"127.0.0.1:{port}"
    home = create(folder / "fleet", Configuration("house", "raspberrypi4-64", f"https://{place}", place))
    repository.create(home)
    first = _publish(home, "1.0.0")
    joined = _join(home, size, first)
    fleet = [sys.executable, "-c", "from picket_fleet.cli import main; main()", "--fleet", str(home.folder), "serve"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(fleet, stdout=log, stderr=log)
    crowds = [_Crowd(home, joined[index::PROCESSES], PROBES if not index else 0.0) for index in range(PROCESSES)]
    try:
        wait_for("the server", lambda: b"https on" in (folder / "server.log").read_bytes(), 30)
        for crowd in crowds:
            crowd.begin()
        wait_for("all devices", lambda: sum(crowd.look()["waiting"] for crowd in crowds) == size, 120)
        yield from _steady(case, server.pid, crowds)
        yield from _news(case, home, first, server.pid, crowds, size)
    finally:
        for crowd in crowds:
            crowd.end()
        server.terminate()
        server.wait(30)


def _steady(case: str, pid: int, crowds: list["_Crowd"]) -> Iterator[Figure]:
    _looks(crowds)
    before, began = processor_seconds(pid), time.monotonic()
    progress(f"    at rest for {STEADY_SECONDS:.0f} s")
    time.sleep(STEADY_SECONDS)
    share = (processor_seconds(pid) - before) / (time.monotonic() - began)
    looks = _looks(crowds)
    probes = [seconds for look in looks for seconds in look["probes"]]
    errors = sum(look["errors"] for look in looks)
    yield Figure(case=case, metric="processor", value=100 * share, unit="%", against=CORE, ratio=share)
    yield Figure(case=case, metric="private_memory", value=private(rollup(pid)) / 1024, unit="MB")
    yield Figure(case=case, metric="state_request_p50", value=1e3 * p50(probes), unit="ms")
    slow = p99(probes)
    yield Figure(
        case=case, metric="state_request_p99", value=1e3 * slow, unit="ms", against=AIM, ratio=slow / AIM_SECONDS
    )
    yield Figure(case=case, metric="errors", value=errors, unit="1")


def _news(case: str, home: Home, first: Release, pid: int, crowds: list["_Crowd"], size: int) -> Iterator[Figure]:
    progress("    a release")
    before, began = processor_seconds(pid), time.monotonic()
    release = _publish(home, "1.1.0", first)
    told = time.monotonic()
    heard: list[float] = []
    probes: list[float] = []

    def all_know() -> bool:
        for look in _looks(crowds):
            heard.extend(look["heard"].get(release.commit_id, []))
            probes.extend(look["probes"])
        return len(heard) == size

    wait_for("all devices to know", all_know, 120)
    yield Figure(case=case, metric="all_know_of_a_release", value=max(heard) - told, unit="s")
    yield Figure(case=case, metric="half_know_of_a_release", value=p50(heard) - told, unit="s")
    if probes:  # a few devices know it before the next one
        yield Figure(case=case, metric="state_request_p99_meanwhile", value=1e3 * p99(probes), unit="ms")
    used = processor_seconds(pid) - before
    yield Figure(case=case, metric="processor_of_a_release", value=used, unit="s")
    progress(f"    {time.monotonic() - began:.1f} s")


class _Crowd:
    """A process of simulated devices."""

    def __init__(self, home: Home, joined: list[dict[str, str]], probes: float) -> None:
        arguments = [home.configuration.address, str(home.certificate), str(probes)]
        self._joined = joined
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.fleet_devices", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self) -> None:
        """Have the devices come."""
        assert self._process.stdin
        for device in self._joined:
            self._process.stdin.write(json.dumps(device) + "\n")
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def look(self) -> dict[str, Any]:
        """Return what happened since the last look."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("look\n")
        self._process.stdin.flush()
        seen: dict[str, Any] = json.loads(self._process.stdout.readline())
        return seen

    def end(self) -> None:
        """End them all at once."""
        self._process.kill()
        self._process.wait()


def _looks(crowds: list[_Crowd]) -> list[dict[str, Any]]:
    return [crowd.look() for crowd in crowds]


def _join(home: Home, size: int, release: Release) -> list[dict[str, str]]:
    database = home.database()
    joined = []
    with database.transaction():
        for number in range(size):
            uuid, key = secrets.token_hex(16), secrets.token_hex(16)
            device = devices.register(
                database, uuid=uuid, name=f"device-{number}", device_type="raspberrypi4-64", key=key, now=time.time()
            )
            devices.save_running(database, device.id, release.commit_id)
            joined.append({"uuid": uuid, "key": key, "running": release.commit_id})
    database.close()
    return joined


def _publish(home: Home, version: str, base: Release | None = None) -> Release:
    """Publish a release of as many services as Picket has, with a delta from the one before."""
    database = home.database()
    names = [f"service-{number}" for number in range(SERVICES)]
    labels = {f"io.example.{number}": "1" for number in range(6)}
    composition = {"services": {name: {"restart": "always", "labels": labels} for name in names}}
    configs = {
        name: json.dumps(
            {
                "config": {"Env": [version]},
                "rootfs": {"diff_ids": [f"sha256:{secrets.token_hex(32)}" for _ in range(6)]},
            }
        ).encode()
        for name in names
    }
    begun = releases.begin(database, version, time.time())
    if base:
        home.delta(base.commit_id, begun.commit_id).write_bytes(secrets.token_bytes(DELTA_BYTES))
    release = releases.publish(database, begun.id, Build(composition, configs), home.sign, time.time())
    database.close()
    return release
