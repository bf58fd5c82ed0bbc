"""A fleet of three devices with three releases, and the command line on its folder."""

import hashlib
import itertools
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from picket_fleet.cli import main
from picket_fleet.home import Configuration, Home, create
from picket_fleet.store import devices, fleet, keys, releases
from picket_fleet.store.devices import Contact, Device
from picket_fleet.store.releases import Build, Release

HOUR = 3600.0
NOW = 1_795_280_572.0  # 2026-11-21 17:02:52 UTC


class Said(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> object:
        """Read what it printed."""
        return json.loads(self.out)


Run = Callable[..., Said]


class House:
    """The fleet, and its parts by their names."""

    def __init__(self, folder: Path) -> None:
        """Make it: hall runs the latest release, attic the one before and is on its way, shed was never heard."""
        self.home: Home = create(folder, Configuration("house", "raspberrypi4-64", "https://10.0.0.5:8443"))
        self.database = self.home.database()
        self.now = NOW
        self.first = self.publish(self.now - 50 * HOUR, b"system", b"web 1")
        self.second = self.publish(self.now - 5 * HOUR, b"system", b"web 2")
        self.draft = self.publish(self.now - 2.5 * HOUR, b"system", b"web 3", is_draft=True)
        self.hall = self.join("hall", self.second, self.now)
        self.attic = self.join("attic", self.first, self.now)
        self.shed = self.join("shed", None, None)

    def publish(self, began: float, *layers: bytes, is_draft: bool = False) -> Release:
        """Build a release of the services relay and web."""
        diff_ids = [hashlib.sha256(layer).hexdigest() for layer in layers]
        for diff_id in diff_ids:
            self.home.layer(diff_id).write_bytes(bytes(1500))
        web = json.dumps({"rootfs": {"diff_ids": [f"sha256:{diff_id}" for diff_id in diff_ids]}}).encode()
        relay = json.dumps({"rootfs": {"diff_ids": [f"sha256:{diff_ids[0]}"]}}).encode()
        begun = releases.begin(self.database, "0.1.0", began)
        build = Build({}, {"web": web, "relay": relay}, is_draft=is_draft)
        return releases.publish(self.database, begun.id, build, self.home.sign, began + 30)

    def join(self, name: str, runs: Release | None, seen_at: float | None) -> Device:
        """Add a device, heard last at a time, and online for an hour from then."""
        uuid = hashlib.md5(name.encode()).hexdigest()
        joined = devices.register(
            *(self.database,), uuid=uuid, name=name, device_type="raspberrypi4-64", key=keys.new_key(), now=self.now
        )
        if seen_at is not None:
            devices.heard(self.database, [Contact(joined.id, seen_at, seen_at + HOUR)])
        if runs is not None:
            devices.save_running(self.database, joined.id, runs.commit_id)
        return devices.get(self.database, joined.id)

    def report(
        self, device: Device, release: Release, status: str, *services: tuple[str, str, int | None], reason: str = ""
    ) -> None:
        """Let a device say how far it is with a release, and some metrics."""
        said = {name: {"status": state, "download_progress": share} for name, state, share in services}
        app = {"releases": {release.commit_id: {"update_status": status, "reason": reason, "services": said}}}
        report = {"cpu_usage": 12, "cpu_temp": 48, "memory_usage": 212, "memory_total": 512, "ip_address": "10.0.0.7"}
        devices.save_report(self.database, device.id, {**report, "apps": {fleet.get(self.database).uuid: app}})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """Make the fleet, and let commands find it."""
    monkeypatch.setenv("PICKET_FLEET", str(tmp_path / "fleet"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    numbers = itertools.count(1)
    monkeypatch.setattr(releases, "new_commit_id", lambda: f"{next(numbers)}abc" * 8)
    monkeypatch.setattr("picket_fleet.people.session.time", SimpleNamespace(time=lambda: NOW))
    return House(tmp_path / "fleet")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return how a command is run."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as exit_:  # argparse
            code = int(exit_.code or 0)
        return Said(code, *capsys.readouterr())

    return run
