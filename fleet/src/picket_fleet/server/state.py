"""What a device is to run: balena's target state, and what our agent gets more.

The agent asks the same address with three headers:

    Accept          application/vnd.picket.state+json
    Picket-Release  commit id of the release that it runs, or empty
    Picket-Wait     seconds that it waits for an answer other than the one that it has (If-None-Match)

and gets

    {"state": balena's document,
     "release": null | {"commit": id, "manifest": text, "signature": base64,
                        "delta": null | {"base": commit id, "size": bytes, "data": base64 | null}},
     "restarts": {service, or "" for all: how often asked for},
     "identify": how often it was to show which device it is}

`data` is there for deltas of up to INLINE_BYTES; others are at /delta/<base>/<commit>. The ETag is not about the delta:
who got there by it is asked to do nothing. A service is to be restarted, and the device to identify itself, when its
number has grown. An answer comes within Picket-Wait (WAIT_SECONDS at most) and, where a delta is made just then,
HOLD_SECONDS of picket_fleet.server.deltas; it is compressed against the agent's last one if it asks so (.compression).
"""

import asyncio
import hashlib
import math
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.errors import FleetError
from picket_fleet.home import COMMIT
from picket_fleet.releases.target import POLL_MS, Application, Target, document
from picket_fleet.server.access import Server, for_device, unauthorized
from picket_fleet.server.compression import answer
from picket_fleet.store import devices, fleet, images, releases, variables
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

AGENT = "application/vnd.picket.state+json"
INLINE_BYTES = 64_000
WAIT_SECONDS = 90.0
GRACE_SECONDS = 30.0
POLL_SECONDS = 1.5 * POLL_MS / 1000


@for_device
async def get_state(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Answer with the target state, or with 304 to who has it; our agent waits for another one."""
    if request.headers.get("Accept") == AGENT:
        return await _for_agent(request, server, device)
    server.ledger.heard(device, server.steady(), POLL_SECONDS)
    body = _encode(_state(server, device, releases.target_of(server.database, device)))
    etag = _etag(body)
    return _not_modified(etag) if _has(request, etag) else _answer(request, server, body, etag)


async def _for_agent(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    running = request.headers.get("Picket-Release", "")
    if running != device.running and (not running or COMMIT.fullmatch(running)):
        devices.save_running(server.database, device.id, running)
    wait_seconds = _wait_seconds(request)
    server.ledger.heard(device, server.steady(), wait_seconds + GRACE_SECONDS)
    deadline = asyncio.get_running_loop().time() + wait_seconds
    while True:
        change = server.changes.next()
        device = _again(server, device)
        release = releases.target_of(server.database, device)
        known = {
            "state": _state(server, device, release),
            "restarts": devices.restarts(server.database, device.id),
            "identify": devices.identifications(server.database, device.id),
        }
        etag = _etag(_encode(known))
        if not _has(request, etag):
            announced = await _announced(server, device, release) if release else None
            return _answer(request, server, _encode({**known, "release": announced}), etag)
        if server.changes.is_over or asyncio.get_running_loop().time() >= deadline:
            return _not_modified(etag)
        try:
            async with asyncio.timeout_at(deadline):
                await change.wait()
        except TimeoutError:
            pass


def _state(server: Server, device: Device, release: Release | None) -> dict[str, Any]:
    database = server.database
    configuration = server.home.configuration
    target = None
    if release:
        composition = releases.composition(database, release.id)
        target = Target(release, images.of(database, release.id), composition)
    application = Application(fleet.get(database).uuid, configuration.name, configuration.registry)
    own = variables.concerning(database, device.id)
    return document(application, device, target, own, devices.stopped(database, device.id))


async def _announced(server: Server, device: Device, release: Release) -> dict[str, Any] | None:
    announcement = releases.announcement(server.database, release.id)
    if announcement is None:
        return None
    return {
        "commit": release.commit_id,
        "manifest": announcement.manifest.decode(),  # as text it has digests in common with the state: less is sent
        "signature": announcement.signature,  # msgspec writes bytes as base64
        "delta": await _delta(server, device.running, release.commit_id),
    }


async def _delta(server: Server, base: str, target: str) -> dict[str, Any] | None:
    if base == target or releases.of_commit(server.database, base) is None:
        return None
    path = await server.deltas.find(base, target)
    if path is None:
        return None
    size = path.stat().st_size
    return {"base": base, "size": size, "data": path.read_bytes() if size <= INLINE_BYTES else None}


def _again(server: Server, device: Device) -> Device:
    """Return the device as it is by now, if it is any more."""
    try:
        return devices.get(server.database, device.id)
    except FleetError:
        raise unauthorized() from None


def _wait_seconds(request: web.Request) -> float:
    try:
        seconds = float(request.headers.get("Picket-Wait", "0"))
    except ValueError:
        raise web.HTTPBadRequest(text="Picket-Wait: expected seconds") from None
    return min(max(seconds, 0.0), WAIT_SECONDS) if math.isfinite(seconds) else 0.0


def _encode(document: dict[str, Any]) -> bytes:
    return msgspec.json.encode(document, order="sorted")


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:16]}"'


def _has(request: web.Request, etag: str) -> bool:
    return etag in request.headers.get("If-None-Match", "")


def _not_modified(etag: str) -> web.Response:
    return web.Response(status=304, headers={"ETag": etag})


def _answer(request: web.Request, server: Server, body: bytes, etag: str) -> web.Response:
    response = answer(request, body, server.dictionaries)
    response.headers["ETag"] = etag
    return response
