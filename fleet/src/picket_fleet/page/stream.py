"""One open page: what it is told, as server-sent events, one connection for all of it.

    event: hello     {"id": of this stream}
    event: patch     {"devices"?: {uuid: view | null}, "releases"?: {commit: view | null}, "fleet"?: {...},
                      "variables"?: [...], "invitations"?: [...], "policy"?: {...},
                      "rollout"?: {...} | null, "members"?: {uuid: view | null},
                      "device"?: in full, "log"?: [lines], "release"?: in full, "build"?: [lines]}
    event: over      the session has ended

The first patch has all there is, later ones what changed; null is what is gone. `device` and `log`, or `release` and
`build`, are of what the page looks at closely (Focus); "from_start" says that its lines are the first ones.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.build import log as build_log
from picket_fleet.page.picture import Picture, device_in_full
from picket_fleet.people import views
from picket_fleet.server.access import Server
from picket_fleet.store import logs, releases

FIRST_LINES = 300
BUILD_BYTES = 200_000  # of a build's log, at a time
ALIVE_SECONDS = 20.0


class Focus(msgspec.Struct, frozen=True):
    """What is looked at closely: a device (uuid), and in its log all services or one; or a release (commit id)."""

    device: str = ""
    service: str = ""
    release: str = ""


class Stream:
    """What one page has been told."""

    def __init__(self, name: str, server: Server, picture: Picture, *, is_packed: bool) -> None:
        """Begin with nothing told."""
        self.id = name
        self._server, self._picture = server, picture
        self._pack = zlib.compressobj(wbits=31) if is_packed else None
        self._news = asyncio.Event()
        self._serial = 0
        self._focus = Focus()
        self._close: dict[str, Any] = {}  # what was told of the focus
        self._after: int | None = None  # the last line that was told: its id, or its end in the file

    def wake(self) -> None:
        """Have it tell what is new."""
        self._news.set()

    def look_at(self, focus: Focus) -> None:
        """Tell of something else closely."""
        self._focus, self._close, self._after = focus, {}, None
        self.wake()

    async def run(self, request: web.Request, goes_on: Callable[[], bool]) -> web.StreamResponse:
        """Tell, until it goes on no more, or nobody listens."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
        response = web.StreamResponse(headers=headers | ({"Content-Encoding": "gzip"} if self._pack else {}))
        await response.prepare(request)
        try:
            await self._tell(response, "hello", {"id": self.id})
            while goes_on():
                if patch := self._patch():
                    await self._tell(response, "patch", patch)
                try:
                    await asyncio.wait_for(self._news.wait(), ALIVE_SECONDS)
                except TimeoutError:
                    await self._write(response, b":\n\n")  # so that a connection that broke is noticed
                self._news.clear()
            await self._tell(response, "over", {})
        except ConnectionError:
            pass
        return response

    def _patch(self) -> dict[str, Any]:
        patch, self._serial = self._picture.since(self._serial)
        for name, told in self._closely().items():
            if name not in self._close or told != self._close[name]:
                self._close[name] = patch[name] = told
        lines = self._device_lines() if self._focus.device else self._build_lines() if self._focus.release else {}
        return patch | lines

    def _closely(self) -> dict[str, Any]:
        database, now = self._server.database, self._server.clock()
        if uuid := self._focus.device:
            return {"device": device_in_full(database, uuid, now)}
        if commit := self._focus.release:
            release = releases.of_commit(database, commit)
            return {"release": release and views.release_in_full(self._server.home, database, release)}
        return {}

    def _device_lines(self) -> dict[str, Any]:
        device = next(iter(self._server.database.all("SELECT id FROM device WHERE uuid = ?", self._focus.device)), None)
        if device is None:
            return {}
        is_first, after = self._after is None, self._after or 0
        count = FIRST_LINES if is_first else logs.LINES
        service = self._focus.service or None
        lines = logs.tail(self._server.database, device["id"], count=count, service=service, after=after)
        self._after = lines[-1].id if lines else after
        told = [
            {"id": line.id, "time": line.time, "service": line.service, "error": line.is_error, "text": line.message}
            for line in lines
        ]
        return {"log": told, "from_start": is_first} if told or is_first else {}

    def _build_lines(self) -> dict[str, Any]:
        if releases.of_commit(self._server.database, self._focus.release) is None:
            return {}
        is_first, offset = self._after is None, self._after or 0
        lines, self._after = build_log.read(self._server.home.build_log(self._focus.release), offset, BUILD_BYTES)
        if self._after > offset:
            self.wake()  # there may be more
        return {"build": lines, "from_start": is_first} if lines or is_first else {}

    async def _tell(self, response: web.StreamResponse, event: str, data: dict[str, Any]) -> None:
        await self._write(response, b"event: %b\ndata: %b\n\n" % (event.encode(), msgspec.json.encode(data)))

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        if self._pack:
            data = self._pack.compress(data) + self._pack.flush(zlib.Z_SYNC_FLUSH)
        await response.write(data)
