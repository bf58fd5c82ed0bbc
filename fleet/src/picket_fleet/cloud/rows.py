"""The fleet as rows of balena's model: every field and every expansion that its command line ever asks for.

A reference is a list of the one row that it means, as $expand gives it; `__id` within a filter finds it too. What it
takes long to look up is a function, which is called where it is asked for: a thousand devices are many rows.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from picket_fleet.build.architecture import architecture
from picket_fleet.releases.evidence import within
from picket_fleet.server.access import Server
from picket_fleet.store import devices, fleet, images, releases
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

Row = dict[str, Any]

PERSON_ID = 1
ORGANISATION = "fleet"
TYPE_ID = 1
STATUSES = {True: "online", False: "offline"}


def application(server: Server) -> list[Row]:
    """Return the fleet, with its devices and releases."""
    return [
        {
            **_application(server),
            "owns__device": lambda: device(server),
            "owns__release": lambda: release(server),
            "service": lambda: service(server),
        }
    ]


def device(server: Server) -> list[Row]:
    """Return the devices."""
    own, services = _application(server), releases.services_by_id(server.database)
    return [_device(server, found, own, services) for found in devices.everyone(server.database)]


def release(server: Server) -> list[Row]:
    """Return the releases, with their images."""
    return [_release(server, found) for found in releases.everyone(server.database)]


def service(server: Server) -> list[Row]:
    """Return the services."""
    found = releases.services_by_id(server.database)
    return [service_row(number, name) for number, name in found.items()]


def service_install(server: Server) -> list[Row]:
    """Return which services are on which devices: all on each."""
    services = releases.services_by_id(server.database)
    return [row for found in devices.everyone(server.database) for row in _installs(found.id, services)]


def user(_server: Server) -> list[Row]:
    """Return the one who asks; all people are one to the fleet."""
    return [{"id": PERSON_ID, "username": ORGANISATION, "email": ""}]


def _application(server: Server) -> Row:
    configuration = server.home.configuration
    own = fleet.get(server.database)
    kind = {"id": TYPE_ID, "slug": configuration.device_type, "name": configuration.device_type}
    processor = {"id": TYPE_ID, "slug": architecture(configuration.device_type)}
    pinned = own.pinned_release
    return {
        "id": fleet.APP_ID,
        "app_name": configuration.name,
        "slug": f"{ORGANISATION}/{configuration.name}",
        "uuid": own.uuid,
        "is_for__device_type": [kind | {"is_of__cpu_architecture": [processor]}],
        "application_type": [
            {"id": 1, "slug": "microservices", "name": "Microservices", "supports_multicontainer": True}
        ],
        "organization": [{"id": 1, "handle": ORGANISATION, "name": ORGANISATION}],
        "is_directly_accessible_by__user": [{"id": PERSON_ID}],
        "should_track_latest_release": pinned is None,
        "should_be_running__release": _brief(releases.get(server.database, pinned) if pinned is not None else None),
        "is_archived": False,
        "is_public": False,
        "is_host": False,
        "is_of__class": "fleet",
    }


INSTALLS = 100_000  # services that a fleet has at most, for the ids of what is installed where


def service_row(number: int, name: str) -> Row:
    """Return a service."""
    return {"id": number, "service_name": name, "application": reference(fleet.APP_ID)}


def install_row(device: int, service: int, name: str) -> Row:
    """Return that a service is on a device."""
    number = device * INSTALLS + service
    return {"id": number, "device": reference(device), "installs__service": [service_row(service, name)]}


def _installs(device: int, services: Mapping[int, str]) -> list[Row]:
    return [install_row(device, number, name) for number, name in services.items()]


def installed(number: int) -> tuple[int, int]:
    """Return the device and the service (their ids) of a `service_install`."""
    return divmod(number, INSTALLS)


def _device(server: Server, found: Device, own: Row, services: Mapping[int, str]) -> Row:
    def running() -> Release | None:
        return releases.of_commit(server.database, found.running) if found.running else None

    def target() -> Release | None:
        return releases.target_of(server.database, found)

    def pinned() -> Release | None:
        return releases.get(server.database, found.pinned_release) if found.pinned_release is not None else None

    is_online = server.ledger.is_online(found.id, server.steady())
    kind = {"id": TYPE_ID, "slug": found.device_type, "name": found.device_type}
    return {
        **{name: found.report.get(name) for name in REPORTED},
        "id": found.id,
        "uuid": found.uuid,
        "device_name": found.name,
        "status": "Idle",
        "overall_status": "operational" if is_online else "disconnected",
        "is_online": is_online,
        "is_connected_to_vpn": False,
        "api_heartbeat_state": STATUSES[is_online],
        "last_connectivity_event": moment(found.seen_at),
        "created_at": moment(found.registered_at),
        "is_web_accessible": False,
        "public_address": "",
        "note": "",
        "is_of__device_type": [kind],
        "belongs_to__application": [own],
        "service_install": lambda: _installs(found.id, services),
        "image_install": lambda: _images(server, found, own, running()),
        "device_tag": lambda: _pairs(devices.tags(server.database, found.id)),
        "is_running__release": lambda: _brief(running()),
        "should_be_running__release": lambda: _brief(target()),
        "is_pinned_on__release": lambda: _brief(pinned()),
    }


def _images(server: Server, found: Device, own: Row, running: Release | None) -> list[Row]:
    """Return what a device has of the release that it runs, as it says itself."""
    if running is None:
        return []
    path = ("apps", own["uuid"], "releases", running.commit_id, "services")
    said = within(found.report, *path)
    return [
        {
            "id": image.id,
            "status": str(within(said, image.service).get("status") or "unknown"),
            "download_progress": None,
            "install_date": moment(running.started_at),
            "installs__image": [
                {"id": image.id, "is_a_build_of__service": [service_row(image.service_id, image.service)]}
            ],
            "is_provided_by__release": [{**_brief(running)[0], "belongs_to__application": [own]}],
        }
        for image in images.of(server.database, running.id)
    ]


# Of what a device says of itself, by balena's own names.
REPORTED = (
    *("ip_address", "mac_address", "supervisor_version", "os_version", "os_variant", "memory_usage", "memory_total"),
    *("storage_block_device", "storage_usage", "storage_total", "cpu_usage", "cpu_temp", "cpu_id", "is_undervolted"),
)


def _release(server: Server, found: Release) -> Row:
    registry = server.home.configuration.registry

    def release_image() -> list[Row]:
        return [
            {"id": image.id, "image": [{"is_stored_at__image_location": f"{registry}/v2/{image.location}"}]}
            for image in images.of(server.database, found.id)
        ]

    return {
        "id": found.id,
        "commit": found.commit_id,
        "status": found.status,
        "semver": found.semver,
        "raw_version": found.version,
        "revision": found.revision,
        "is_final": found.revision is not None or found.status != "success",
        "is_invalidated": found.is_invalidated,
        "is_passing_tests": True,
        "note": found.note,
        "source": "cloud",
        "created_at": moment(found.started_at),
        "start_timestamp": moment(found.started_at),
        "end_timestamp": moment(found.ended_at),
        "belongs_to__application": reference(fleet.APP_ID),
        "release_tag": lambda: _pairs(releases.tags(server.database, found.id)),
        "release_image": release_image,
        "composition": lambda: releases.composition(server.database, found.id),
    }


def _pairs(tags: Mapping[str, str]) -> list[Row]:
    return [{"tag_key": name, "value": value} for name, value in tags.items()]


def _brief(found: Release | None) -> list[Row]:
    if found is None:
        return []
    return [{"id": found.id, "commit": found.commit_id, "raw_version": found.version, "semver": found.semver}]


def reference(number: int) -> Row:
    """Return how another row is referred to."""
    return {"__id": number}


def moment(seconds: float | None) -> str | None:
    """Return a time as balena writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds is not None else None
