"""The fleet as rows of balena's model: every field and every expansion that its command line ever asks for.

A reference is a list of the one row that it means, as $expand gives it; `__id` within a filter finds it too.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from picket_fleet.build.architecture import architecture
from picket_fleet.server.access import Server
from picket_fleet.store import devices, fleet, releases, variables
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

Row = dict[str, Any]

PERSON_ID = 1
ORGANISATION = "fleet"
TYPE_ID = 1
STATUSES = {True: "online", False: "offline"}


def application(server: Server) -> list[Row]:
    """Return the fleet, with its devices."""
    return [_application(server) | {"owns__device": device(server), "service": service(server)}]


def device(server: Server) -> list[Row]:
    """Return the devices."""
    return [_device(server, found) for found in devices.everyone(server.database)]


def release(server: Server) -> list[Row]:
    """Return the releases, with their images."""
    return [_release(server, found) for found in releases.everyone(server.database)]


def build_log(server: Server, commit_id: str) -> str:
    """Return what a release's build said."""
    log = server.home.build_log(commit_id)
    return log.read_text(errors="replace") if log.exists() else ""


def service(server: Server) -> list[Row]:
    """Return the services."""
    found = releases.services_by_id(server.database)
    return [_service(number, name) for number, name in found.items()]


def service_install(server: Server) -> list[Row]:
    """Return which services are on which devices: all on each."""
    return [row for found in device(server) for row in found["service_install"]]


def user(_server: Server) -> list[Row]:
    """Return the one who asks; all people are one to the fleet."""
    return [{"id": PERSON_ID, "username": ORGANISATION, "email": ""}]


def device_tag(server: Server) -> list[Row]:
    """Return the tags of all devices."""
    return _tags(
        (found.id, {"device": _reference(found.id)}, devices.tags(server.database, found.id))
        for found in devices.everyone(server.database)
    )


def release_tag(server: Server) -> list[Row]:
    """Return the tags of all releases."""
    return _tags(
        (found.id, {"release": _reference(found.id)}, releases.tags(server.database, found.id))
        for found in releases.everyone(server.database)
    )


def nothing(_server: Server) -> list[Row]:
    """Return no row: there is none of that here."""
    return []


def environment(*, of_device: bool, of_service: bool, of_host: bool = False) -> Callable[[Server], list[Row]]:
    """Return what gives the variables of one of balena's kinds: the fleet's or devices', of all services or of one."""

    def rows(server: Server) -> list[Row]:
        services = {name: number for number, name in releases.services_by_id(server.database).items()}
        found = []
        for number, variable in enumerate(variables.everywhere(server.database), 1):
            kind = variable.device is not None, bool(variable.service), variables.is_configuration(variable.name)
            if kind == (of_device, of_service, of_host):
                row: Row = {"id": number, "name": variable.name, "value": variable.value}
                row["application"] = _reference(fleet.APP_ID)
                if variable.device is not None:
                    row["device"] = _reference(variable.device)
                if variable.service:
                    number = services.get(variable.service, 0)
                    row["service"] = [_service(number, variable.service)]
                    row["service_install"] = [_install(variable.device or 0, number, variable.service)]
                found.append(row)
        return found

    return rows


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
        "should_be_running__release": _brief(server, pinned),
        "is_archived": False,
        "is_public": False,
        "is_host": False,
        "is_of__class": "fleet",
    }


INSTALLS = 100_000  # services that a fleet has at most, for the ids of what is installed where


def _service(number: int, name: str) -> Row:
    return {"id": number, "service_name": name, "application": _reference(fleet.APP_ID)}


def _install(device: int, service: int, name: str) -> Row:
    number = device * INSTALLS + service
    return {"id": number, "device": _reference(device), "installs__service": [_service(service, name)]}


def installed(number: int) -> tuple[int, int]:
    """Return the device and the service (their ids) of a `service_install`."""
    return divmod(number, INSTALLS)


def _device(server: Server, found: Device) -> Row:
    running = releases.of_commit(server.database, found.running) if found.running else None
    target = releases.target_of(server.database, found)
    is_online = server.ledger.is_online(found.id, server.clock())
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
        "belongs_to__application": [_application(server)],
        "service_install": [
            _install(found.id, number, name) for number, name in releases.services_by_id(server.database).items()
        ],
        "is_running__release": _brief(server, running.id if running else None),
        "should_be_running__release": _brief(server, target.id if target else None),
        "is_pinned_on__release": _brief(server, found.pinned_release),
    }


# Of what a device says of itself, by balena's own names.
REPORTED = (
    *("ip_address", "mac_address", "supervisor_version", "os_version", "os_variant", "memory_usage", "memory_total"),
    *("storage_block_device", "storage_usage", "storage_total", "cpu_usage", "cpu_temp", "cpu_id", "is_undervolted"),
)


def _release(server: Server, found: Release) -> Row:
    images = releases.images(server.database, found.id)
    registry = server.home.configuration.registry
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
        "belongs_to__application": _reference(fleet.APP_ID),
        "release_tag": [
            {"tag_key": name, "value": value} for name, value in releases.tags(server.database, found.id).items()
        ],
        "release_image": [
            {"id": image.id, "image": [{"is_stored_at__image_location": f"{registry}/v2/{image.location}"}]}
            for image in images
        ],
    }


def _brief(server: Server, number: int | None) -> list[Row]:
    if number is None:
        return []
    found = releases.get(server.database, number)
    return [{"id": found.id, "commit": found.commit_id, "raw_version": found.version, "semver": found.semver}]


def _tags(of: Iterable[tuple[int, Row, dict[str, str]]]) -> list[Row]:
    return [
        {"id": number * 1000 + index, "tag_key": name, "value": value, **owner}
        for number, owner, tags in of
        for index, (name, value) in enumerate(sorted(tags.items()))
    ]


def _reference(number: int) -> Row:
    return {"__id": number}


def moment(seconds: float | None) -> str | None:
    """Return a time as balena writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds is not None else None
