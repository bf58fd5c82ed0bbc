"""The two calls by which balena's supervisor looks for a delta: a token to pull by, then the name of a delta image.

A delta for balenaEngine is an image in a registry, made by balenaEngine. This server has neither; it says 404, and the
supervisor falls back to the full image. Our agent's deltas are at /delta (picket_fleet.server.files).
"""

import re

from aiohttp import web

from picket_fleet.server.access import SERVER, basic, bearer, device_of, unauthorized
from picket_fleet.store import images

SCOPE = re.compile(r"repository:(v2/([0-9a-z]{1,64})):[a-z,*]+")
IMAGE = re.compile(r"[^/]+/(v2/[0-9a-z]{1,64})@sha256:[0-9a-f]{64}")


async def get_token(request: web.Request) -> web.StreamResponse:
    """Answer with a token to pull those of the asked repositories that there are."""
    server = request.app[SERVER]
    user, key = basic(request)
    device = device_of(server, key)
    if user != f"d_{device.uuid}":
        raise unauthorized()
    scopes = filter(None, map(SCOPE.fullmatch, request.query.getall("scope", [])))
    repositories = [scope[1] for scope in scopes if images.has_location(server.database, scope[2])]
    service = request.query.get("service", "")
    return web.json_response({"token": server.tokens.issue(device.uuid, service, repositories, server.clock())})


async def get_delta(request: web.Request) -> web.StreamResponse:
    """Answer that there is no delta image, to who may pull both images."""
    server = request.app[SERVER]
    claims = server.tokens.read(bearer(request), server.clock())
    wanted = [IMAGE.fullmatch(request.query.get(name, "")) for name in ("src", "dest")]
    allowed = {access.name for access in claims.access} if claims else set()
    if not all(image and image[1] in allowed for image in wanted):
        raise unauthorized()
    raise web.HTTPNotFound(text="no delta between these images: pull the image")
