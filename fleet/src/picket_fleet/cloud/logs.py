"""A device's log for `balena logs`: the last lines as one list, or (`stream=1`) line by line as they come."""

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.cloud.filters import number_of
from picket_fleet.errors import FleetError
from picket_fleet.server.access import Server
from picket_fleet.store import devices, logs, releases
from picket_fleet.store.logs import Line

COUNT = 1000
STREAM_COUNT = 100
LOOK_SECONDS = 1.0
ALIVE_SECONDS = 15.0  # what is not written to is not noticed to be gone


async def get_logs(request: web.Request, server: Server, _person: str) -> web.StreamResponse:
    """Answer with a device's lines; a stream goes on until who asks has enough, or the server ends."""
    try:
        device = devices.find(server.database, request.match_info["uuid"])
    except FleetError:
        raise web.HTTPNotFound(text="Device not found") from None
    is_stream = request.query.get("stream") == "1"
    wanted = number_of(request.query.get("count", ""))
    count = min(wanted, logs.LINES) if wanted is not None else STREAM_COUNT if is_stream else COUNT
    lines = logs.tail(server.database, device.id, count=count) if count else []
    services = {name: number for number, name in releases.services_by_id(server.database).items()}
    if not is_stream:
        return web.json_response([_said(line, services) for line in lines])
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    clock = asyncio.get_running_loop().time
    last, written_at = 0, clock()
    while not server.changes.is_over:
        change = server.changes.next()
        if lines:
            last = lines[-1].id
            services = {name: number for number, name in releases.services_by_id(server.database).items()}
        if lines or clock() - written_at >= ALIVE_SECONDS:
            said = [msgspec.json.encode(_said(line, services)) for line in lines]
            await response.write(b"\n".join((*said, b"")) or b"\n")
            written_at = clock()
        try:
            async with asyncio.timeout(LOOK_SECONDS):  # the server's own writes wake nobody
                await change.wait()
        except TimeoutError:
            pass
        lines = logs.tail(server.database, device.id, count=logs.LINES, after=last)
    return response


def _said(line: Line, services: dict[str, int]) -> dict[str, Any]:
    said = {
        "message": line.message,
        "timestamp": round(line.time * 1000),
        "createdAt": round(line.time * 1000),
        "isSystem": line.is_system,
        "isStdErr": line.is_error,
    }
    return said if line.is_system else said | {"serviceId": services.get(line.service)}
