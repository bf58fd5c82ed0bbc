"""Git's smart HTTP for the fleet's repository, by git's own `git http-backend`; every request needs a token.

    GET  /git/<fleet>.git/info/refs?service=git-receive-pack | git-upload-pack
    POST /git/<fleet>.git/git-receive-pack | git-upload-pack

Nothing else of the repository is served: none of its files can be named. The server must leave bodies packed as they
come (`auto_decompress=False`): git unpacks its own.
"""

import asyncio
import logging
import os
import time
from contextlib import suppress

from aiohttp import BasicAuth, hdrs, web

from picket_fleet.home import Home
from picket_fleet.remote.child import end
from picket_fleet.store import keys

SERVICES = ("git-receive-pack", "git-upload-pack")
PIECE = 1 << 16
HEADERS_BYTES = 1 << 16

log = logging.getLogger(__name__)


def routes(home: Home) -> list[web.RouteDef]:
    """Return the routes."""
    remote = _Remote(home)
    path = f"/git/{home.configuration.name}.git"
    return [
        web.get(f"{path}/info/refs", remote.info),
        *(web.post(f"{path}/{service}", remote.service) for service in SERVICES),
    ]


class _Remote:
    def __init__(self, home: Home) -> None:
        self._home = home

    async def info(self, request: web.Request) -> web.StreamResponse:
        """Answer which refs there are, and what git can."""
        if request.query_string not in {f"service={service}" for service in SERVICES}:
            raise web.HTTPForbidden(text="only git's smart HTTP is spoken here")
        return await self._answer(request, "info/refs")

    async def service(self, request: web.Request) -> web.StreamResponse:
        """Take a push, or give what is fetched."""
        return await self._answer(request, request.path.rpartition("/")[2])

    async def _answer(self, request: web.Request, path: str) -> web.StreamResponse:
        person = self._person(request)
        if person is None:
            challenge = {hdrs.WWW_AUTHENTICATE: 'Basic realm="fleet", charset="UTF-8"'}
            raise web.HTTPUnauthorized(headers=challenge, text="a token is needed, as the password\n")
        process = await asyncio.create_subprocess_exec(
            *("git", "http-backend"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(self._home, request, path, person),
            start_new_session=True,
        )
        fed = asyncio.create_task(_feed(request, process))
        try:
            return await _pass_on(request, process)
        finally:
            fed.cancel()
            await end(process)

    def _person(self, request: web.Request) -> str | None:
        """Return whose token the request has, if it is good."""
        try:
            given = BasicAuth.decode(request.headers.get(hdrs.AUTHORIZATION, ""), encoding="utf-8")
        except ValueError:
            return None
        database = self._home.database()
        try:
            return keys.holder(database, keys.PERSON, given.password, time.time())
        finally:
            database.close()


def _environment(home: Home, request: web.Request, path: str, person: str) -> dict[str, str]:
    """Return what a CGI program is told of a request (RFC 3875), beside what this process was."""
    told = {
        "GIT_PROJECT_ROOT": str(home.folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{home.repository.name}/{path}",
        "QUERY_STRING": request.query_string,
        "REQUEST_METHOD": request.method,
        "REMOTE_ADDR": request.remote or "",
        "REMOTE_USER": person,  # with one, git lets push
        "CONTENT_TYPE": request.headers.get(hdrs.CONTENT_TYPE, ""),
        "CONTENT_LENGTH": request.headers.get(hdrs.CONTENT_LENGTH, ""),
        "HTTP_CONTENT_ENCODING": request.headers.get(hdrs.CONTENT_ENCODING, ""),
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
    }
    own = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "HTTP_"))}
    return own | {name: value for name, value in told.items() if value}


async def _feed(request: web.Request, process: asyncio.subprocess.Process) -> None:
    """Give git what the request holds, as it comes."""
    assert process.stdin
    with suppress(ConnectionError):
        async for piece in request.content.iter_chunked(PIECE):
            process.stdin.write(piece)
            await process.stdin.drain()
    process.stdin.close()


async def _pass_on(request: web.Request, process: asyncio.subprocess.Process) -> web.StreamResponse:
    """Answer what git answers, as it comes."""
    assert process.stdout
    response = web.StreamResponse()
    headers = await _headers(process.stdout)
    status = headers.pop("Status", "200").split()[0]
    response.set_status(int(status) if status.isdigit() else web.HTTPBadGateway.status_code)
    response.headers.update(headers)
    await response.prepare(request)
    while piece := await process.stdout.read(PIECE):
        await response.write(piece)
    await response.write_eof()
    return response


async def _headers(stream: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    read = 0
    while line := (await stream.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip()] = value.strip()
        read += len(line)
        if read > HEADERS_BYTES:
            break
    if not headers:
        raise web.HTTPBadGateway(text="git did not answer")
    return headers
