"""The registry (Docker's, V2), as far as a push goes: blobs in pieces, then a manifest. Nothing is pulled from here.

GET   /v2/                                       is it one, and who am I
HEAD  /v2/v2/<location>/blobs/<digest>           is it there already
POST  /v2/v2/<location>/blobs/uploads/           begin      PATCH the pieces      PUT ?digest= the last one
PUT   /v2/v2/<location>/manifests/<tag>
"""

import asyncio
import hashlib
import re
import secrets
from pathlib import Path

from aiohttp import web

from picket_fleet.cloud import deploy
from picket_fleet.server.access import SERVER, Server, bearer
from picket_fleet.store import deploys
from picket_fleet.store.deploys import Image

SCOPE = re.compile(r"repository:v2/([0-9a-f]{32}):[a-z,*]+")
DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
MANIFEST_BYTES = 400_000
BLOB_BYTES = 8 << 30
PIECE = 1 << 20


async def get_token(request: web.Request, server: Server, person: str) -> web.StreamResponse:
    """Answer with a token to push to those of the asked repositories that are being deployed."""
    asked = [value for name, value in request.query.items() if name.startswith("scope")]
    scopes = filter(None, map(SCOPE.fullmatch, asked))
    repositories = [f"v2/{scope[1]}" for scope in scopes if deploys.at(server.database, scope[1])]
    service = request.query.get("service", "")
    token = server.tokens.issue(person, service, repositories, server.clock(), may_push=True)
    return web.json_response({"token": token})


async def get_version(request: web.Request) -> web.StreamResponse:
    """Answer that this is a registry."""
    _claimed(request)
    return web.json_response({}, headers={"Docker-Distribution-Api-Version": "registry/2.0"})


async def head_blob(request: web.Request) -> web.StreamResponse:
    """Tell whether a blob has been pushed."""
    server, _ = _pushed_to(request)
    file = _file(server, request.match_info["digest"])
    if not file.is_file():
        raise web.HTTPNotFound
    size = str(file.stat().st_size)
    return web.Response(headers={"Docker-Content-Digest": request.match_info["digest"], "Content-Length": size})


async def post_upload(request: web.Request) -> web.StreamResponse:
    """Begin a blob; one that is asked for from another repository is there for this one too."""
    server, image = _pushed_to(request)
    mounted = request.query.get("mount", "")
    if DIGEST.fullmatch(mounted) and _file(server, mounted).is_file():
        return _made(image, mounted)
    number = secrets.token_hex(16)
    _upload(server, number).touch(mode=0o600, exist_ok=False)
    return _so_far(server, image, number)


async def patch_upload(request: web.Request) -> web.StreamResponse:
    """Take a piece of a blob."""
    server, image = _pushed_to(request)
    number = request.match_info["number"]
    await _append(request, _upload(server, number))
    return _so_far(server, image, number)


async def put_upload(request: web.Request) -> web.StreamResponse:
    """Take the last piece of a blob, if it is what its digest says."""
    server, image = _pushed_to(request)
    upload, digest = _upload(server, request.match_info["number"]), request.query.get("digest", "")
    await _append(request, upload)
    if digest != await asyncio.to_thread(_digest_of, upload):  # of a large one it takes a while
        upload.unlink()
        raise web.HTTPBadRequest(text="the digest is another one")
    upload.replace(_file(server, digest))
    return _made(image, digest)


async def put_manifest(request: web.Request) -> web.StreamResponse:
    """Take the manifest: the image is complete."""
    server, image = _pushed_to(request)
    body = await request.read()
    if len(body) > MANIFEST_BYTES:
        raise web.HTTPRequestEntityTooLarge(MANIFEST_BYTES, len(body))
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    _file(server, digest).write_bytes(body)
    deploys.pushed(server.database, image.id, digest)
    return web.Response(status=201, headers={"Docker-Content-Digest": digest})


ROUTES = [
    web.get("/v2/", get_version),
    web.head(r"/v2/v2/{location:[0-9a-f]{32}}/blobs/{digest:sha256:[0-9a-f]{64}}", head_blob),
    web.post(r"/v2/v2/{location:[0-9a-f]{32}}/blobs/uploads/", post_upload),
    web.patch(r"/v2/v2/{location:[0-9a-f]{32}}/blobs/uploads/{number:[0-9a-f]{32}}", patch_upload),
    web.put(r"/v2/v2/{location:[0-9a-f]{32}}/blobs/uploads/{number:[0-9a-f]{32}}", put_upload),
    web.put(r"/v2/v2/{location:[0-9a-f]{32}}/manifests/{tag}", put_manifest),
]


def _claimed(request: web.Request) -> set[str]:
    """Return the repositories that a request's token lets push to; raises HTTPUnauthorized."""
    server = request.app[SERVER]
    claims = server.tokens.read(bearer(request), server.clock())
    if claims is None:
        address, service = server.home.configuration.address, server.home.configuration.registry
        challenge = f'Bearer realm="{address}/auth/v1/token",service="{service}"'
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": challenge})
    return {access.name for access in claims.access if "push" in access.actions}


def _pushed_to(request: web.Request) -> tuple[Server, Image]:
    server, location = request.app[SERVER], request.match_info["location"]
    if f"v2/{location}" not in _claimed(request):
        raise web.HTTPForbidden(text="this token is for other repositories")
    image = deploys.at(server.database, location)
    if image is None:
        raise web.HTTPNotFound(text="nothing is being deployed there")
    return server, image


async def _append(request: web.Request, upload: Path) -> None:
    if not upload.is_file():
        raise web.HTTPNotFound(text="no such upload")
    size = upload.stat().st_size
    try:
        with upload.open("ab") as out:
            async for piece in request.content.iter_chunked(PIECE):
                size += len(piece)
                if size > BLOB_BYTES:
                    raise web.HTTPRequestEntityTooLarge(BLOB_BYTES, size)
                out.write(piece)
    except BaseException:  # an engine begins such a blob anew
        upload.unlink(missing_ok=True)
        raise


def _digest_of(file: Path) -> str:
    with file.open("rb") as opened:
        return f"sha256:{hashlib.file_digest(opened, 'sha256').hexdigest()}"


def _so_far(server: Server, image: Image, number: str) -> web.Response:
    size = _upload(server, number).stat().st_size
    headers = {
        "Location": f"/v2/v2/{image.location}/blobs/uploads/{number}",
        "Docker-Upload-UUID": number,
        "Range": f"0-{max(0, size - 1)}",
    }
    return web.Response(status=202, headers=headers)


def _made(image: Image, digest: str) -> web.Response:
    location = f"/v2/v2/{image.location}/blobs/{digest}"
    return web.Response(status=201, headers={"Location": location, "Docker-Content-Digest": digest})


def _upload(server: Server, number: str) -> Path:
    return deploy.blobs(server) / f"{number}.part"


def _file(server: Server, digest: str) -> Path:
    return deploy.blobs(server) / digest.removeprefix("sha256:")
