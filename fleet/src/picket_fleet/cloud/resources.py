"""/v7/<resource>: balena's model of this fleet, asked and changed by people. Answers are {"d": [rows]}.

A change is answered by a text, as balena does it: its command line takes an empty document for a failure.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.cloud import deploy, rows, values
from picket_fleet.cloud.access import for_person
from picket_fleet.cloud.filters import Row, Test, UnknownQueryError, selector_of
from picket_fleet.cloud.query import folded, select
from picket_fleet.errors import FleetError
from picket_fleet.people import steering
from picket_fleet.people.session import Session
from picket_fleet.server.access import Server
from picket_fleet.server.resources import read_object
from picket_fleet.store import devices, fleet, releases, variables
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable

ENVIRONMENT = {
    "application_environment_variable": values.environment(of_device=False, of_service=False),
    "service_environment_variable": values.environment(of_device=False, of_service=True),
    "device_environment_variable": values.environment(of_device=True, of_service=False),
    "device_service_environment_variable": values.environment(of_device=True, of_service=True),
    "application_config_variable": values.environment(of_device=False, of_service=False, of_host=True),
    "device_config_variable": values.environment(of_device=True, of_service=False, of_host=True),
}
TAGS = {"device_tag": devices.tag, "release_tag": releases.tag}
OWNERS: dict[str, Callable[[Database, int], Device | Release]] = {"device": devices.get, "release": releases.get}
RESOURCES: dict[str, Callable[[Server], list[rows.Row]]] = {
    "application": rows.application,
    "device": rows.device,
    "release": rows.release,
    "service": rows.service,
    "service_install": rows.service_install,
    "user": rows.user,
    "device_tag": values.device_tag,
    "release_tag": values.release_tag,
    "application_tag": values.nothing,
    **ENVIRONMENT,
}


async def get_rows(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Answer with the rows that are asked for."""
    return web.json_response(
        {"d": [folded(row, request.query) for row in _found(request, server)]},
        dumps=lambda document: msgspec.json.encode(document).decode(),
    )


async def post_row(request: web.Request, server: Server, person: str) -> web.StreamResponse:
    """Add a tag, a variable, or a piece of a release that is deployed."""
    resource, fields = _resource(request), await read_object(request)
    if resource in TAGS:
        owner = resource.removesuffix("_tag")
        number = OWNERS[owner](server.database, _number(fields, owner)).id
        TAGS[resource](server.database, number, _text(fields, "tag_key"), _text(fields, "value"))
        return web.json_response({"id": 0, **fields}, status=201)
    if resource in ENVIRONMENT:
        variables.put(server.database, _variable(server, fields))
        server.changes.wake()
        return web.json_response({"id": 0, **fields}, status=201)
    if resource in deploy.RESOURCES:
        return web.json_response(deploy.add(server, resource, fields, person), status=201)
    raise web.HTTPNotFound(text=f"{resource}: nothing is added to it here")


async def patch_rows(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Change rows: names, pins, notes, values; and the end of a release that is deployed."""
    resource = _resource(request)
    if resource == "image":
        deploy.note_image(server, request.match_info.get("selector", ""))
        await request.release()  # it has all that its build said, however long that is
        return web.Response(text="OK")
    fields = await read_object(request)
    _expect_some_to_be_meant(request)
    for row in _found(request, server):
        if resource == "device":
            _change_device(server, row["id"], fields)
        elif resource == "application":
            _change_fleet(server, fields)
        elif resource == "release":
            await _change_release(server, row["id"], fields)
        elif resource in TAGS:
            owner = resource.removesuffix("_tag")
            TAGS[resource](server.database, row[owner]["__id"], row["tag_key"], _text(fields, "value"))
        elif resource in ENVIRONMENT:
            variables.put(server.database, _variable(server, {**row, "value": _text(fields, "value")}))
        else:
            raise web.HTTPNotFound(text=f"{resource}: can't be changed here")
    server.changes.wake()
    return web.Response(text="OK")


async def delete_rows(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Remove tags, variables, or devices."""
    resource = _resource(request)
    _expect_some_to_be_meant(request)
    for row in _found(request, server):
        if resource in TAGS:
            TAGS[resource](server.database, row[resource.removesuffix("_tag")]["__id"], row["tag_key"], None)
        elif resource in ENVIRONMENT:
            gone = _variable(server, row)
            variables.remove(server.database, gone.device, gone.service, gone.name)
        elif resource == "device":
            devices.remove(server.database, row["id"])
        else:
            raise web.HTTPNotFound(text=f"{resource}: can't be removed here")
    server.changes.wake()
    return web.Response(text="OK")


ROUTES = [
    route
    for path in (r"/v7/{resource:\w+}", r"/v7/{resource:\w+}({selector})")
    for route in (
        web.get(path, for_person(get_rows)),
        web.post(path, for_person(post_row)),
        web.patch(path, for_person(patch_rows)),
        web.delete(path, for_person(delete_rows)),
    )
]


def _found(
    request: web.Request, server: Server, shape: Callable[[Row, Mapping[str, str]], Row] = lambda row, _query: row
) -> list[Row]:
    resource, selector = _resource(request), request.match_info.get("selector")
    if resource not in RESOURCES:
        raise web.HTTPNotFound(text=f"{resource}: there is none of that here")
    every = RESOURCES[resource](server)
    try:
        test: Test = selector_of(selector) if selector is not None else lambda _row: True
        return [shape(row, request.query) for row in select(filter(test, every), request.query)]
    except UnknownQueryError as error:
        raise web.HTTPBadRequest(text=f"{resource}: {error}") from None


def _expect_some_to_be_meant(request: web.Request) -> None:
    if "selector" not in request.match_info and not request.query.get("$filter"):
        raise web.HTTPBadRequest(text="which? A change of all rows at once is not taken")


def _resource(request: web.Request) -> str:
    # The devices' own addresses among these have no name in their pattern.
    return request.path.removeprefix("/v7/").partition("(")[0]


def _change_device(server: Server, device: int, fields: Mapping[str, Any]) -> None:
    _expect_no_others("device", fields, "device_name", "is_pinned_on__release")
    if "device_name" in fields:
        devices.rename(server.database, device, _text(fields, "device_name"))
    if "is_pinned_on__release" in fields:
        devices.pin(server.database, device, _number_or_none(fields, "is_pinned_on__release"))


def _change_fleet(server: Server, fields: Mapping[str, Any]) -> None:
    _expect_no_others("application", fields, "should_be_running__release", "should_track_latest_release")
    if fields.get("should_track_latest_release") is True:  # which one that is now is said along with it
        fleet.pin(server.database, None)
    elif "should_be_running__release" in fields:
        fleet.pin(server.database, _number_or_none(fields, "should_be_running__release"))


def _expect_no_others(resource: str, fields: Mapping[str, Any], *known: str) -> None:
    """Raise FleetError for a change that is not made here, rather than let it seem so."""
    if unknown := sorted(fields.keys() - set(known)):
        raise FleetError(f"{resource}: {', '.join(unknown)} can't be changed here")


async def _change_release(server: Server, number: int, fields: Mapping[str, Any]) -> None:
    if isinstance(note := fields.get("note"), str):
        releases.annotate(server.database, number, note)
    if isinstance(invalid := fields.get("is_invalidated"), bool):
        session = Session(server.home, server.database, server.clock())
        steering.invalidate(session, releases.get(server.database, number).commit_id, undo=not invalid)
    if fields.get("is_final") is True and releases.get(server.database, number).status == "success":
        releases.finalise(server.database, number, server.home.sign)
    if isinstance(status := fields.get("status"), str):
        await deploy.end(server, number, status)


def _variable(server: Server, fields: Mapping[str, Any]) -> Variable:
    """Return the variable that a row, or what is to become one, means."""
    services = releases.services_by_id(server.database)
    device, service, install = (_meant(fields.get(name)) for name in ("device", "service", "service_install"))
    if install is not None:
        device, service = rows.installed(install)
    if service is not None and service not in services:
        raise FleetError(f"there is no service {service}")
    if device:
        devices.get(server.database, device)
    name, value = _text(fields, "name"), _text(fields, "value")
    return Variable(device or None, services[service] if service is not None else "", name, value)


def _meant(given: Any) -> int | None:
    """Return the id that a field has, or that it refers to."""
    if isinstance(given, list):
        given = given[0] if given else None
    if isinstance(given, dict):
        given = given.get("__id", given.get("id"))
    return given if isinstance(given, int) else None


def _text(fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str):
        raise FleetError(f"{name}: expected a text")
    return text


def _number(fields: Mapping[str, Any], name: str) -> int:
    number = _number_or_none(fields, name)
    if number is None:
        raise FleetError(f"{name}: expected an id")
    return number


def _number_or_none(fields: Mapping[str, Any], name: str) -> int | None:
    number = fields.get(name)
    if number is not None and not isinstance(number, int):
        raise FleetError(f"{name}: expected an id")
    return number
