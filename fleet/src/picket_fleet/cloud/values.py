"""Tags and variables as rows of balena's model."""

from collections.abc import Callable, Iterable

from picket_fleet.cloud import rows
from picket_fleet.cloud.rows import Row
from picket_fleet.server.access import Server
from picket_fleet.store import devices, fleet, releases, variables


def device_tag(server: Server) -> list[Row]:
    """Return the tags of all devices."""
    return _tags(
        (found.id, {"device": rows.reference(found.id)}, devices.tags(server.database, found.id))
        for found in devices.everyone(server.database)
    )


def release_tag(server: Server) -> list[Row]:
    """Return the tags of all releases."""
    return _tags(
        (found.id, {"release": rows.reference(found.id)}, releases.tags(server.database, found.id))
        for found in releases.everyone(server.database)
    )


def nothing(_server: Server) -> list[Row]:
    """Return no row: there is none of that here."""
    return []


def environment(*, of_device: bool, of_service: bool, of_host: bool = False) -> Callable[[Server], list[Row]]:
    """Return what gives the variables of one of balena's kinds: the fleet's or devices', of all services or of one."""

    def found_in(server: Server) -> list[Row]:
        services = {name: number for number, name in releases.services_by_id(server.database).items()}
        found = []
        for number, variable in variables.numbered(server.database).items():
            kind = variable.device is not None, bool(variable.service), variables.is_configuration(variable.name)
            if kind == (of_device, of_service, of_host):
                row: Row = {"id": number, "name": variable.name, "value": variable.value}
                row["application"] = rows.reference(fleet.APP_ID)
                if variable.device is not None:
                    row["device"] = rows.reference(variable.device)
                if variable.service:
                    of = services.get(variable.service, 0)
                    row["service"] = [rows.service_row(of, variable.service)]
                    row["service_install"] = [rows.install_row(variable.device or 0, of, variable.service)]
                found.append(row)
        return found

    return found_in


def _tags(of: Iterable[tuple[int, Row, dict[str, str]]]) -> list[Row]:
    return [
        {"id": number * 1000 + index, "tag_key": name, "value": value, **owner}
        for number, owner, tags in of
        for index, (name, value) in enumerate(sorted(tags.items()))
    ]
