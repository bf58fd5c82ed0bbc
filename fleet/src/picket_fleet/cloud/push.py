"""The builder: POST /v3/build with a project as a tar (gzip or plain), answered by a list in JSON
that grows as the build goes on.

    ?slug=fleet/NAME  nocache=true  isdraft=true  headless=true  dockerfilePath=

    {"type": "metadata", "resource": "buildLogId", "value": release id}      {"message": text, "isError": true}

The build is a process of its own (picket_fleet.cloud.builder), as that of a git push is: it ends when nobody listens.
An empty line now and then tells those apart from who is only told nothing for long.
"""

import asyncio
import logging
import sys
import tempfile
import zlib
from pathlib import Path

import msgspec
from aiohttp import web

from picket_fleet.build.release import SENT
from picket_fleet.build.source import MOST_BYTES
from picket_fleet.cloud.rows import ORGANISATION
from picket_fleet.remote.child import end
from picket_fleet.server.access import Server

PIECE = 1 << 20
ALIVE_SECONDS = 10.0
GZIP = b"\x1f\x8b"

log = logging.getLogger(__name__)


async def post_build(request: web.Request, server: Server, person: str) -> web.StreamResponse:
    """Build what is sent, and tell how it goes."""
    name = server.home.configuration.name
    if request.query.get("slug", "") not in (name, f"{ORGANISATION}/{name}"):
        raise web.HTTPNotFound(text=f"there is one fleet here: {ORGANISATION}/{name}")
    if request.query.get("dockerfilePath"):
        raise web.HTTPBadRequest(text="--dockerfile: name it in docker-compose.yml")
    options = [
        *(["--draft"] if request.query.get("isdraft") == "true" else []),
        *(["--no-cache"] if request.query.get("nocache") == "true" else []),
        f"--person={person}",
    ]
    with tempfile.TemporaryDirectory(prefix=SENT, dir=server.home.builds) as folder:
        source = Path(folder) / "source.tar"
        await _receive(request, source)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "picket_fleet.cloud.builder", str(server.home.folder), str(source), *options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=PIECE,
            start_new_session=True,
        )
        try:
            if request.query.get("headless") == "true":
                return await _headless(process)
            return await _pass_on(request, process)
        finally:
            await end(process)


async def _receive(request: web.Request, file: Path) -> None:
    """Write the tar that is sent, unpacked."""
    size, unpacker, begun = 0, None, False
    with file.open("xb") as out:
        try:
            async for data in request.content.iter_chunked(PIECE):
                if not begun:
                    begun = True
                    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if data.startswith(GZIP) else None
                while data:
                    piece = unpacker.decompress(data, PIECE) if unpacker else data
                    data = unpacker.unconsumed_tail if unpacker else b""
                    size += len(piece)
                    if size > MOST_BYTES:
                        raise web.HTTPRequestEntityTooLarge(MOST_BYTES, size)
                    out.write(piece)
                    await asyncio.sleep(0)  # others have their turn
        except zlib.error:
            raise web.HTTPBadRequest(text="not gzip") from None


async def _pass_on(request: web.Request, process: asyncio.subprocess.Process) -> web.StreamResponse:
    assert process.stdout
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b"[")
    while line := await _next_line(process.stdout, response):
        await response.write(line.rstrip() + b",\n")
    is_built = await process.wait() == 0
    last = {"message": "", "isError": False} if is_built else {"message": "The fleet stays as it is", "isError": True}
    await response.write(msgspec.json.encode(last) + b"]\n")
    await response.write_eof()
    return response


async def _next_line(said: asyncio.StreamReader, response: web.StreamResponse) -> bytes:
    """Return the next line that a build says; raises ConnectionError when nobody listens any more."""
    while True:
        try:
            async with asyncio.timeout(ALIVE_SECONDS):
                return await said.readline()
        except TimeoutError:
            await response.write(b"\n")


async def _headless(process: asyncio.subprocess.Process) -> web.StreamResponse:
    """Answer once it is built: a build that nobody waits for would be nobody's to hear of when it fails."""
    assert process.stdout
    told = [msgspec.json.decode(line) async for line in process.stdout]
    number = next((said["value"] for said in told if said.get("resource") == "buildLogId"), None)
    if await process.wait() == 0:
        return web.json_response({"started": True, "releaseId": number})
    message = next((said["message"] for said in reversed(told) if said.get("isError")), "")
    return web.json_response({"started": False, "error": "not built", "message": message})
