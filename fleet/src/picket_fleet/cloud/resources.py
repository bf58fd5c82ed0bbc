"""/v7/<resource>: balena's model of this fleet, asked and changed by people. Answers are {"d": [rows]}.

A change is answered by a text, as balena does it: its command line takes an empty document for a failure.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.cloud import deploy, rows
from picket_fleet.cloud.access import for_person
from picket_fleet.cloud.query import Row, Test, UnknownQueryError, folded, select, selector_of
from picket_fleet.errors import FleetError
from picket_fleet.people import steering
from picket_fleet.people.session import Session
from picket_fleet.server.access import Server
from picket_fleet.server.resources import read_object
from picket_fleet.store import devices, fleet, releases, variables
from picket_fleet.store.variables import Variable

ENVIRONMENT = {
    "application_environment_variable": rows.environment(of_device=False, of_service=False),
    "service_environment_variable": rows.environment(of_device=False, of_service=True),
    "device_environment_variable": rows.environment(of_device=True, of_service=False),
    "device_service_environment_variable": rows.environment(of_device=True, of_service=True),
    "application_config_variable": rows.environment(of_device=False, of_service=False, of_host=True),
    "device_config_variable": rows.environment(of_device=True, of_service=False, of_host=True),
}
TAGS = {"device_tag": devices.tag, "release_tag": releases.tag}
RESOURCES: dict[str, Callable[[Server], list[rows.Row]]] = {
    "application": rows.application,
    "device": rows.device,
    "release": rows.release,
    "service": rows.service,
    "service_install": rows.service_install,
    "user": rows.user,
    "device_tag": rows.device_tag,
    "release_tag": rows.release_tag,
    "application_tag": rows.nothing,
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
        owner, name, value = resource.removesuffix("_tag"), fields.get("tag_key"), fields.get("value")
        TAGS[resource](server.database, _number(fields, owner), str(name), str(value))
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
    resource, fields = _resource(request), await read_object(request)
    if resource == "image":
        deploy.note_image(server, request.match_info.get("selector", ""), fields)
        return web.Response(text="OK")
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
            TAGS[resource](server.database, row[owner]["__id"], row["tag_key"], str(fields.get("value")))
        elif resource in ENVIRONMENT:
            variables.put(server.database, _variable(server, {**row, "value": fields.get("value")}))
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
    if isinstance(name := fields.get("device_name"), str):
        devices.rename(server.database, device, name)
    if "is_pinned_on__release" in fields:
        devices.pin(server.database, device, fields["is_pinned_on__release"])


def _change_fleet(server: Server, fields: Mapping[str, Any]) -> None:
    if "should_be_running__release" in fields:
        fleet.pin(server.database, fields["should_be_running__release"])
    elif fields.get("should_track_latest_release") is True:
        fleet.pin(server.database, None)


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
    name, value = fields.get("name"), fields.get("value")
    return Variable(device or None, services[service] if service is not None else "", str(name), str(value))


def _meant(given: Any) -> int | None:
    """Return the id that a field has, or that it refers to."""
    if isinstance(given, list):
        given = given[0].get("id") if given else None
    if isinstance(given, dict):
        given = given.get("__id")
    return given if isinstance(given, int) else None


def _number(fields: Mapping[str, Any], name: str) -> int:
    number = fields.get(name)
    if not isinstance(number, int):
        raise FleetError(f"{name}: expected an id")
    return number
