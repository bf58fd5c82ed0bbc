"""The few resources of balena's API that a supervisor asks for when it has joined: what it is, its tags, its config.

Answers are {"d": [rows]}. A device sees and changes itself only; a provisioning key finds a device by its uuid: the
first half of a key exchange (picket_fleet.server.registration).
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.server.access import SERVER, Server, bearer, device_of, for_device, provisioning, unauthorized
from picket_fleet.store import devices, fleet, variables
from picket_fleet.store.devices import Device, TakenError
from picket_fleet.store.variables import Variable

TAG_CHARACTERS = 255
FILTER = re.compile(r"uuid eq '([0-9a-f]{32,62})'")


async def get_device(request: web.Request) -> web.StreamResponse:
    """Answer with the device that asks, or that a provisioning key asks for."""
    server = request.app[SERVER]
    wanted = FILTER.search(request.query.get("$filter", ""))
    uuid = wanted[1] if wanted else ""
    if provisioning(server, bearer(request)):
        found = [device for device in devices.everyone(server.database) if device.uuid == uuid]
    else:
        own = device_of(server, bearer(request))
        found = [own] if own.uuid == uuid or not wanted else []
    return _rows(_device(device) for device in found)


@for_device
async def patch_device(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Let a device name itself."""
    if request.match_info["selector"] not in (str(device.id), f"uuid='{device.uuid}'"):
        raise unauthorized()
    change = await read_object(request)
    name = change.get("device_name")
    if isinstance(name, str):
        try:
            devices.rename(server.database, device.id, name)
        except TakenError as error:
            raise web.HTTPConflict(text=str(error)) from None
        server.changes.wake()
    return web.Response(text="OK")


@for_device
async def get_tags(_request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Answer with the device's tags."""
    tags = sorted(devices.tags(server.database, device.id).items())
    return _rows({"id": index, "tag_key": key, "value": value} for index, (key, value) in enumerate(tags, 1))


@for_device
async def post_tag(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Set a tag of the device, as one of its services says; one that it has is set anew."""
    given = await read_object(request)
    name, value = given.get("tag_key"), given.get("value")
    if not isinstance(name, str) or not isinstance(value, str) or max(len(name), len(value)) > TAG_CHARACTERS:
        raise web.HTTPBadRequest(text=f"expected a tag_key and a value of at most {TAG_CHARACTERS} characters")
    devices.tag(server.database, device.id, name, value)
    return web.json_response({}, status=201)


@for_device
async def get_config_variables(_request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Answer with the variables by which this device itself is configured."""
    own = [
        v for v in variables.concerning(server.database, device.id) if v.device and variables.is_configuration(v.name)
    ]
    return _rows({"id": index, "name": v.name, "value": v.value} for index, v in enumerate(own, 1))


@for_device
async def post_config_variable(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Keep what a device found configured when it first started."""
    given = await read_object(request)
    name, value = given.get("name"), given.get("value")
    if given.get("device") != device.id:
        raise unauthorized()
    if not isinstance(name, str) or not isinstance(value, str) or not variables.is_configuration(name):
        raise web.HTTPBadRequest(text="expected the name and value of a configuration variable")
    variables.put(server.database, Variable(device.id, "", name, value))
    server.changes.wake()
    return web.json_response({}, status=201)


def _device(device: Device) -> dict[str, Any]:
    return {
        "id": device.id,
        "uuid": device.uuid,
        "device_name": device.name,
        "belongs_to__application": {"__id": fleet.APP_ID},
    }


def _rows(rows: Iterable[dict[str, Any]]) -> web.Response:
    return web.json_response({"d": list(rows)})


async def read_object(request: web.Request) -> dict[str, Any]:
    """Return the JSON object that a request brings; raises HTTPBadRequest."""
    try:
        return msgspec.json.decode(await request.read(), type=dict[str, Any])
    except (msgspec.MsgspecError, RecursionError):
        raise web.HTTPBadRequest(text="expected an object") from None
