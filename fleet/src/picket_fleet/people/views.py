"""What there is to see of devices and releases, as plain mappings: what --json prints, and tables are made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.people.wording import timestamp
from picket_fleet.store import devices, fleet, images, releases, variables
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

METRICS = (
    *("cpu_usage", "cpu_temp", "memory_usage", "memory_total", "storage_usage", "storage_total"),
    *("is_undervolted", "ip_address", "mac_address", "os_version", "supervisor_version"),
)
WAITING = "waiting"
View = dict[str, Any]


def named(release: Release | None) -> View | None:
    """Return how a release is called."""
    return {"version": release.version, "commit": release.commit_id} if release else None


def latest(database: Database) -> Release | None:
    """Return the release that is followed without a pin."""
    try:
        return releases.find(database, "latest")
    except FleetError:
        return None


def device(database: Database, device: Device, now: float) -> View:
    """Return a device in short: who it is, what it runs and is to run, and how far it is."""
    target = releases.target_of(database, device)
    said = _said_of(database, device, target.commit_id if target else "")
    return {
        "name": device.name,
        "uuid": device.uuid,
        "device_type": device.device_type,
        "state": "not seen yet" if device.seen_at is None else "online" if device.is_online(now) else "offline",
        "seen_at": timestamp(device.seen_at),
        "release": _running(database, device),
        "target": named(target),
        "is_pinned": device.pinned_release is not None,
        "update": _update(device, target, said),
        "reason": str(said.get("reason") or ""),
    }


def device_in_full(database: Database, one: Device, now: float) -> View:
    """Return all that is known of a device; the values of variables are not."""
    return {
        **device(database, one, now),
        "joined_at": timestamp(one.registered_at),
        "services": _services(database, one),
        "metrics": {name: one.report[name] for name in METRICS if one.report.get(name) not in (None, "")},
        "tags": devices.tags(database, one.id),
        "variables": [
            {"name": variable.name, "service": variable.service, "of": "device" if variable.device else "fleet"}
            for variable in sorted(
                variables.concerning(database, one.id), key=lambda v: (v.name, v.device is not None, v.service)
            )
        ],
    }


def all_releases(home: Home, database: Database) -> list[View]:
    """Return all releases in short: their names, what became of them, who runs them, and how large they are."""
    newest, every = latest(database), devices.everyone(database)
    return [_release(home, database, one, newest, every) for one in releases.everyone(database)]


def release_in_full(home: Home, database: Database, one: Release) -> View:
    """Return a release with the images of its services, and the deltas there are to it."""
    return {
        **_release(home, database, one, latest(database), devices.everyone(database)),
        "images": {image.service: image.image_id for image in images.of(database, one.id)},
        "deltas": {
            base.version: _length_of(home.delta(base.commit_id, one.commit_id))
            for base in releases.everyone(database)
            if home.delta(base.commit_id, one.commit_id).exists()
        },
    }


def bytes_of(home: Home, database: Database, release: Release) -> int:
    """Return how large the layers of a release are, as they are kept."""
    return sum(map(_length_of, map(home.layer, images.layers_of(database, release.id))))


def _release(home: Home, database: Database, release: Release, newest: Release | None, every: list[Device]) -> View:
    return {
        **(named(release) or {}),
        "state": state_of(release),
        "is_latest": release == newest,
        "is_pinned": fleet.get(database).pinned_release == release.id,
        "devices": [device.name for device in every if device.running == release.commit_id],
        "pinned_by": [device.name for device in every if device.pinned_release == release.id],
        "bytes": bytes_of(home, database, release),
        "began_at": timestamp(release.started_at),
        "ended_at": timestamp(release.ended_at),
        "note": release.note,
        "tags": releases.tags(database, release.id),
    }


def _running(database: Database, device: Device) -> View | None:
    if not device.running:
        return None
    return named(releases.of_commit(database, device.running)) or {"version": "", "commit": device.running}


def _update(device: Device, target: Release | None, said: Mapping[str, Any]) -> str:
    """Say in words how far a device is on its way to its target; "" when it is there."""
    if target is None or device.running == target.commit_id:
        return ""
    status = str(said.get("update_status") or WAITING)
    shares = [
        service["download_progress"]
        for service in _mappings(said.get("services")).values()
        if isinstance(service.get("download_progress"), int | float)
    ]
    return f"{status} {sum(shares) / len(shares):.0f} %" if status == "downloading" and shares else status


def _services(database: Database, device: Device) -> list[View]:
    """Return what a device said of each service of each release that it has anything of."""
    found = []
    for commit, said in _mappings(_app(database, device).get("releases")).items():
        release = releases.of_commit(database, commit)
        for name, service in sorted(_mappings(said.get("services")).items()):
            of = release.version if release else commit[:7]
            found.append({"service": name, "state": str(service.get("status", "")), "release": of})
    return sorted(found, key=lambda view: (view["service"], view["release"]))


def _said_of(database: Database, device: Device, commit: str) -> Mapping[str, Any]:
    return _mappings(_app(database, device).get("releases")).get(commit, {})


def _app(database: Database, device: Device) -> Mapping[str, Any]:
    return _mappings(device.report.get("apps")).get(fleet.get(database).uuid, {})


def _mappings(value: Any) -> dict[str, dict[str, Any]]:
    """Return those members of a mapping that are mappings: devices may say anything."""
    return {key: item for key, item in value.items() if isinstance(item, dict)} if isinstance(value, dict) else {}


def state_of(release: Release) -> str:
    """Say what became of a release."""
    if release.status != "success":
        return "building" if release.status == "running" else release.status
    if release.is_invalidated:
        return "invalidated"
    return "final" if release.revision is not None else "draft"


def _length_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # gone, perhaps just now: nobody needed it any more
        return 0
