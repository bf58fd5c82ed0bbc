"""What a device's services say: one long request of gzipped lines of JSON, that stays open as long as the device likes.

{"message": "...", "timestamp": UTC ms, "serviceId": 2 | "isSystem": true, "isStdErr": true}
"""

import asyncio
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from picket_fleet.server.access import CONTACT_SECONDS, Server, for_device
from picket_fleet.store import releases
from picket_fleet.store.devices import Device
from picket_fleet.store.logs import LINE_CHARACTERS, Line

LINE_BYTES = 8 * LINE_CHARACTERS  # what JSON makes of so many characters, and the rest of a line

PIECE_BYTES = 256_000
YEAR_10000_MS = 253_402_300_800_000  # no clock shows a later time


class Said(msgspec.Struct, frozen=True, rename="camel"):
    """A line as a device sends it."""

    message: str
    timestamp: Annotated[float, Meta(ge=0, lt=YEAR_10000_MS)]
    service_id: int | None = None
    is_system: bool = False
    is_std_err: bool = False


class Gunzip:
    """Unpacks a stream in pieces of at most PIECE_BYTES."""

    def __init__(self) -> None:
        """Begin at the beginning."""
        self._stream = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return what can be read by now; raises zlib.error for what is no gzip."""
        while data and not self._stream.eof:
            yield self._stream.decompress(data, PIECE_BYTES)
            data = self._stream.unconsumed_tail


class Lines:
    """Cuts a stream into its lines; one that is too long is left out."""

    def __init__(self) -> None:
        """Begin at the beginning of a line."""
        self._rest = b""
        self._is_lost = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Return the lines that end in what has come now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.strip() and not self._is_lost and len(line) <= LINE_BYTES:
                yield line
            self._is_lost = False
        if len(self._rest) > LINE_BYTES:
            self._rest, self._is_lost = b"", True


def read(lines: Iterable[bytes], services: Mapping[int, str]) -> list[Line]:
    """Return lines as they are kept; what is no line of a log is left out."""
    read = []
    for line in lines:
        try:
            said = msgspec.json.decode(line, type=Said)
        except (msgspec.MsgspecError, RecursionError):
            continue
        service = services.get(said.service_id, "") if said.service_id is not None else ""
        message = said.message.rstrip("\r\n")[:LINE_CHARACTERS]
        read.append(Line(said.timestamp / 1000, service, said.is_system, said.is_std_err, message))
    return read


@for_device
async def post_log_stream(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Keep what comes until the device ends it: it takes any answer before as an error."""
    lines = Lines()
    is_gzip = request.headers.get("Content-Encoding") == "gzip"
    unpack = Gunzip().feed if is_gzip else lambda data: iter((data,))
    try:
        async for chunk in request.content.iter_any():
            server.ledger.heard(device, server.steady(), CONTACT_SECONDS)
            for piece in unpack(chunk):
                server.ledger.said(device, read(lines.feed(piece), releases.services_by_id(server.database)))
                await asyncio.sleep(0)  # others have their turn, however much there is in it
    except zlib.error:
        raise web.HTTPBadRequest(text="not gzip") from None
    return web.Response(text="OK")
