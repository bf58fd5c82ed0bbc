"""What releases are made of: deltas, layers (the tar as zstd) and configs; the first two by Range."""

from pathlib import Path

from aiohttp import web

from picket_fleet.errors import FleetError
from picket_fleet.server.access import Server, for_device
from picket_fleet.server.compression import answer
from picket_fleet.store import images
from picket_fleet.store.devices import Device


@for_device
async def get_delta(request: web.Request, server: Server, _device: Device) -> web.StreamResponse:
    """Answer with the delta between two releases, by their commit ids."""
    try:
        return _file(server.home.delta(request.match_info["base"], request.match_info["target"]))
    except FleetError:
        raise web.HTTPNotFound from None


@for_device
async def get_layer(request: web.Request, server: Server, _device: Device) -> web.StreamResponse:
    """Answer with a layer of a release, by its diff id."""
    diff_id = request.match_info["diff_id"]
    if not images.has_layer(server.database, diff_id):
        raise web.HTTPNotFound
    return _file(server.home.layer(diff_id))


@for_device
async def get_config(request: web.Request, server: Server, _device: Device) -> web.StreamResponse:
    """Answer with the config of an image of a release, byte for byte."""
    config = images.config(server.database, request.match_info["image_id"])
    if config is None:
        raise web.HTTPNotFound
    return answer(request, config, server.dictionaries)


def _file(path: Path) -> web.FileResponse:
    if not path.is_file():
        raise web.HTTPNotFound
    return web.FileResponse(path, headers={"Content-Type": "application/octet-stream"})
