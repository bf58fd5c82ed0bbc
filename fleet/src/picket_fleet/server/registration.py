"""A machine joins the fleet by a provisioning key, with an identity and a key that it has chosen itself.

POST /device/register  Bearer <provisioning key>
    {"uuid", "device_type", "api_key" (else one is drawn), "application": 1, "device_name"}
201 {"id", "uuid", "api_key", "name", "fleet": {"uuid", "name", "public_key": base64}}
409 the uuid, the name or the key is another device's; or the device to replace is online

A machine that has not heard the answer asks again, with the same identity and key, and gets it: by its own key, as the
provisioning key may have gone with the device that it took the place of.

POST /api-key/device/<id>/device-key  Bearer <provisioning key>  {"apiKey"}
200 the device has this key from now on; 409 when it is online: nobody takes a living device's place
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from picket_fleet.errors import FleetError
from picket_fleet.server.access import SERVER, Handler, Server, bearer, provisioning, unauthorized
from picket_fleet.store import devices, fleet, keys
from picket_fleet.store.devices import Device, TakenError
from picket_fleet.store.keys import Token

log = logging.getLogger(__name__)

Uuid = Annotated[str, Meta(pattern=r"\A([0-9a-f]{32}|[0-9a-f]{62})\Z")]
Key = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{32,128}\Z")]
DeviceType = Annotated[str, Meta(pattern=r"\A[a-z0-9-]{1,60}\Z")]

Body = TypeVar("Body")
MachineHandler = Callable[[web.Request, Server, Token], Awaitable[web.StreamResponse]]


class Joining(msgspec.Struct, frozen=True):
    """What a machine says of itself; what else the supervisor says is not needed."""

    uuid: Uuid
    device_type: DeviceType
    api_key: Key = msgspec.field(default_factory=keys.new_key)
    application: int | str = fleet.APP_ID
    device_name: str = ""


class NewKey(msgspec.Struct, frozen=True, rename="camel"):
    """A key that a device has chosen."""

    api_key: Key


def for_machine(handler: MachineHandler) -> Handler:
    """Let in who has a provisioning key."""

    async def handle(request: web.Request) -> web.StreamResponse:
        server = request.app[SERVER]
        token = provisioning(server, bearer(request))
        if token is None:
            raise unauthorized()
        try:
            return await handler(request, server, token)
        except TakenError as error:
            raise web.HTTPConflict(text=str(error)) from None

    return handle


async def post_register(request: web.Request) -> web.StreamResponse:
    """Let a machine join; one that has joined is told so again."""
    server = request.app[SERVER]
    try:
        again = msgspec.json.decode(await request.read(), type=Joining)
    except (msgspec.MsgspecError, RecursionError):
        return await _register(request)
    device = devices.of_key(server.database, again.api_key)
    return _joined(server, device, again) if device and device.uuid == again.uuid else await _register(request)


@for_machine
async def _register(request: web.Request, server: Server, token: Token) -> web.StreamResponse:
    joining = _body(await request.read(), Joining)
    if str(joining.application) != str(fleet.APP_ID):
        raise web.HTTPBadRequest(text=f"application: this fleet is number {fleet.APP_ID}")
    return _joined(server, _join(server, token, joining), joining)


def _joined(server: Server, device: Device, joining: Joining) -> web.Response:
    configuration = server.home.configuration
    answer = {
        "id": device.id,
        "uuid": device.uuid,
        "api_key": joining.api_key,
        "name": device.name,
        "fleet": {
            "uuid": fleet.get(server.database).uuid,
            "name": configuration.name,
            "public_key": server.home.public_key(),
        },
    }
    return web.Response(status=201, body=msgspec.json.encode(answer), content_type="application/json")


@for_machine
async def post_device_key(request: web.Request, server: Server, token: Token) -> web.StreamResponse:
    """Give a device that is there already, but not here, the key that it has now."""
    new = _body(await request.read(), NewKey)
    try:
        device = devices.get(server.database, int(request.match_info["id"]))
    except FleetError:
        raise web.HTTPNotFound from None
    if token.device_name not in (None, device.name) or token.replaces not in (None, device.id):
        raise unauthorized()
    _refuse_online(server, device)
    devices.set_key(server.database, device.id, new.api_key)
    return web.Response(text="OK")


def _join(server: Server, token: Token, joining: Joining) -> Device:
    database = server.database
    with database.transaction():
        name = joining.uuid  # until it takes over the other's
        if token.replaces is None:
            name = token.device_name or joining.device_name or joining.uuid[:7]
            devices.check_name(name)
        identity = {"uuid": joining.uuid, "device_type": joining.device_type, "key": joining.api_key}
        device = devices.register(database, **identity, name=name, now=server.clock())
        if token.replaces is not None:
            _refuse_online(server, devices.get(database, token.replaces))
            devices.take_over(database, token.replaces, device.id)  # the token goes with the old device
        device = devices.get(database, device.id)
    log.info("%s has joined, with the key %r", device.name, token.name)
    return device


def _refuse_online(server: Server, device: Device) -> None:
    if server.ledger.is_online(device.id, server.steady()):
        raise TakenError(f"{device.name} is online")


def _body(data: bytes, kind: type[Body]) -> Body:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
