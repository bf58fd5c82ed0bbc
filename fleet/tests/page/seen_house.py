"""A fleet that has seen something, so that every view of the page has something to show."""

import hashlib
import json
import time
from typing import Any

from fleet.tests.server.conftest import Fleet, Joined
from picket_fleet.build.log import keeping
from picket_fleet.releases.policy import Policy
from picket_fleet.store import devices, keys, logs, releases, rolling, rollouts, variables
from picket_fleet.store import fleet as fleets
from picket_fleet.store.devices import Contact
from picket_fleet.store.releases import Build, Release

SERVICES = {"hub": {}, "relay": {"labels": {"io.picket.outputs": "all outputs go to their failsafe state"}}, "web": {}}


class Nobody:
    """What a build asks of the one who pushed."""

    def say(self, service: str, line: str) -> None:
        """Hear."""

    def still_there(self) -> None:
        """Be there."""

    def confirm(self) -> None:
        """Agree."""


class House:
    """A fleet that has seen something: hall runs the latest release, attic is on its way, cellar was rolled back."""

    def __init__(self, fleet: Fleet) -> None:
        """Make it."""
        self.fleet, self.home, self.database = fleet, fleet.home, fleet.database
        self.now = time.time()
        self.token = keys.give_out(self.database, keys.PERSON, "anna")
        self.first = self.release(50, note="the first one")
        self.second = self.release(5, web=b"web 2", note="a quieter filter")
        self.draft = self.release(1, web=b"web 3", relay=b"relay 2", is_draft=True)
        self.home.delta(self.first.commit_id, self.second.commit_id).write_bytes(bytes(940))
        self.devices = {name: fleet.join(name) for name in ("hall", "attic", "cellar", "shed", "garage")}
        self.seen("hall", 0, self.second, "done")
        self.seen("attic", 0, self.first, "downloading", share=45)
        self.seen("cellar", 0, self.first, "rejected", reason="web: it ended 4 times (last with 3)")
        self.seen("shed", 3 * 86_400, self.first, "done")
        for name, tags in {
            "hall": {"picket_health": "ok", "floor": "0", "picket_version": "0.1.0"},
            "attic": {"picket_health": "ok", "floor": "2"},
            "cellar": {"picket_health": "silent: hub; degraded: relay", "floor": "-1", "power": "battery"},
        }.items():
            for tag, value in tags.items():
                devices.tag(self.database, self.devices[name].id, tag, value)
        for service, name, value in (("", "LEVEL", "info"), ("web", "COLOUR", "red"), ("", "TOKEN", "s3cret-s3cret")):
            variables.put(self.database, variables.Variable(None, service, name, value))
        variables.put(self.database, variables.Variable(self.devices["hall"].id, "", "LEVEL", "debug"))
        lines = [
            logs.Line(self.now - 600 + index, ("web", "relay", "hub")[index % 3], False, index % 11 == 0, text)
            for index, text in enumerate(["zone hall: motion", "output siren off", "journal 12,345 messages"] * 20)
        ]
        logs.append(self.database, self.devices["hall"].id, lines)

    def release(
        self, hours_ago: float, *, web: bytes = b"web 1", relay: bytes = b"", is_draft: bool = False, note: str = ""
    ) -> Release:
        """Build a release of web, relay and hub, with a log of its build."""
        began = self.now - hours_ago * 3600
        begun = releases.begin(self.database, "0.1.0", began)
        images = {"web": (b"system", web), "relay": (b"system", relay) if relay else (b"system",), "hub": (b"system",)}
        build = Build({"services": SERVICES}, {name: self.config(*images[name]) for name in images}, is_draft=is_draft)
        with keeping(self.home.build_log(begun.commit_id), Nobody()) as kept:
            kept.say("", f"Release {begun.commit_id} of fleet house, for raspberrypi4-64")
            for service in ("hub", "relay", "web"):
                for step in range(1, 6):
                    kept.say(service, f"Step {step}/5 : COPY services/{service}/src /opt/picket")
                    kept.say(service, " ---> Using cache")
            kept.say("", "3 images; 0.0 MB of new layers")
        releases.annotate(self.database, begun.id, note)
        releases.tag(self.database, begun.id, "git.sha", "5f0c2a" * 6 + "5f0c")
        releases.tag(self.database, begun.id, "pushed.by", "anna")
        return releases.publish(self.database, begun.id, build, self.home.sign, began + 42)

    def config(self, *layers: bytes) -> bytes:
        """Return an image's config, its layers being there."""
        for layer in layers:
            with self.home.layer(_digest(layer)).open("wb") as file:
                file.truncate(41_000_000 if layer == b"system" else 3_100)  # of zeros, that are nowhere on the disk
        return json.dumps({"rootfs": {"diff_ids": [f"sha256:{_digest(layer)}" for layer in layers]}}).encode()

    def seen(
        self, name: str, seconds_ago: float, runs: Release, status: str, *, share: int | None = None, reason: str = ""
    ) -> None:
        """Let a device have been heard, and have said how it is."""
        device, seen_at = self.devices[name], self.now - seconds_ago
        devices.heard(self.database, [Contact(device.id, seen_at, seen_at + 3600)])
        devices.save_running(self.database, device.id, runs.commit_id)
        services: dict[str, Any] = {service: {"status": "Running"} for service in ("hub", "relay", "web")}
        others = {runs.commit_id: {"services": services}}
        if share is not None:
            others[self.second.commit_id] = {
                "update_status": status,
                "services": {"web": {"status": "Downloading", "download_progress": share}},
            }
        elif status != "done":
            others[self.second.commit_id] = {"update_status": status, "reason": reason, "services": {}}
        metrics = {"cpu_usage": 12, "cpu_temp": 48, "memory_usage": 212, "memory_total": 512, "ip_address": "10.0.0.7"}
        system = {"storage_usage": 3120, "storage_total": 29_000, "os_version": "Debian GNU/Linux 12 (bookworm)"}
        apps = {fleets.get(self.database).uuid: {"releases": others}}
        held = {"update_locks": {"relay": "siren pulses"}, "downtimes": {"relay": 3.2}} if name == "hall" else {}
        devices.save_report(self.database, device.id, {**metrics, **system, **held, "apps": apps})

    def roll_out(self) -> Release:
        """Have a release rolled out whose canaries are hall and cellar."""
        for name in ("hall", "cellar"):
            devices.tag(self.database, self.devices[name].id, "canary", "yes")
        rollouts.set_policy(self.database, Policy("tag:canary=yes", soak_seconds=600.0, waves=(50.0, 100.0)))
        rolling.look(self.database, self.now)
        return self.release(0, web=b"web 4", note="a new model of the ADC")

    def device(self, name: str) -> Joined:
        """Return a device."""
        return self.devices[name]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
