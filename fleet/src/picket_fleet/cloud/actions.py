"""What balena's cloud hands to a device's supervisor, and our agents do at their next word, within a second or so.

POST /supervisor/v1/blink                                          {"uuid"}                         device identify
POST /supervisor/v1/restart                                        {"deviceId"}                     device restart
POST /supervisor/v2/applications/1/{start,stop,restart}-service    {"deviceId", "data": {"imageId"}}
POST /application/1/restart                                        all devices that are there       fleet restart
"""

from collections.abc import Callable, Mapping

from aiohttp import web

from picket_fleet.cloud.access import for_person
from picket_fleet.errors import FleetError
from picket_fleet.server.access import Server
from picket_fleet.server.resources import read_object
from picket_fleet.store import devices, fleet, images
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device

SERVICES: Mapping[str, Callable[[Database, int, str], None]] = {
    "start-service": devices.start,
    "stop-service": devices.stop,
    "restart-service": devices.restart,
}
REFUSED = ("reboot", "shutdown", "purge")


async def post_device(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Have a device that is there show which one it is, or restart all its services."""
    fields, what = await read_object(request), _what(request)
    if what in REFUSED:
        raise web.HTTPNotFound(text=f"{what}: the agents of this fleet's devices don't do that")
    if what == "blink":
        devices.identify(server.database, _there(server, devices.find(server.database, str(fields.get("uuid")))))
    else:
        devices.restart(server.database, _there(server, _meant(server, fields.get("deviceId"))))
    return _done(server)


async def post_service(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Start, stop or restart a service of a device that is there; which one is said by an image of it."""
    fields = await read_object(request)
    data = fields.get("data")
    image = data.get("imageId") if isinstance(data, dict) else None
    service = images.service_of(server.database, image) if isinstance(image, int) else None
    if service is None:
        raise FleetError("imageId: expected the id of an image")
    SERVICES[_what(request)](server.database, _there(server, _meant(server, fields.get("deviceId"))), service)
    return _done(server)


async def post_fleet(_request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Restart all services of all devices that are there."""
    with server.database.transaction():
        for device in devices.everyone(server.database):
            if server.ledger.is_online(device.id, server.steady()):
                devices.restart(server.database, device.id)
    return _done(server)


ROUTES = [
    *(web.post(f"/supervisor/v1/{what}", for_person(post_device)) for what in ("blink", "restart", *REFUSED)),
    *(web.post(f"/supervisor/v2/applications/{fleet.APP_ID}/{what}", for_person(post_service)) for what in SERVICES),
    web.post(f"/application/{fleet.APP_ID}/restart", for_person(post_fleet)),
]


def _what(request: web.Request) -> str:
    return request.path.rpartition("/")[2]


def _meant(server: Server, number: object) -> Device:
    if not isinstance(number, int):
        raise FleetError("deviceId: expected an id")
    return devices.get(server.database, number)


def _there(server: Server, device: Device) -> int:
    """Return the id of a device that is there; raises FleetError in words that the command line knows."""
    if not server.ledger.is_online(device.id, server.steady()):
        raise FleetError(f"{device.name} is no online device")
    return device.id


def _done(server: Server) -> web.Response:
    server.changes.wake()
    return web.Response(text="OK")
