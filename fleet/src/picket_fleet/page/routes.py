"""The page's addresses, and who may ask for them."""

import asyncio
import secrets
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.page import actions, files
from picket_fleet.page.picture import Picture
from picket_fleet.page.preview import effects_of
from picket_fleet.page.stream import Focus, Stream
from picket_fleet.page.throttle import Throttle
from picket_fleet.people.session import Session as Working
from picket_fleet.people.wording import moment, printable
from picket_fleet.server.access import SERVER, Server
from picket_fleet.store import devices, logs, sessions
from picket_fleet.store.sessions import SESSION_SECONDS, Session

COOKIE = "__Host-picket"
MOST_STREAMS = 100
LOGIN = "log in again: this session is over"


@dataclass
class Page:
    """What the page's handlers share."""

    picture: Picture
    throttle: Throttle = field(default_factory=Throttle)
    streams: dict[str, Stream] = field(default_factory=dict)
    looking: asyncio.Task[None] | None = None


PAGE = web.AppKey("page", Page)
PersonHandler = Callable[[web.Request, Server, Session], Awaitable[web.StreamResponse]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def mount(app: web.Application, _home: Home) -> None:
    """Add the page to a server."""
    server = app[SERVER]
    app[PAGE] = Page(Picture(server.home, server.database))
    app.add_routes(
        [
            web.get("/", files.get_page),
            web.get("/page/static/{file}", files.get_file),
            web.get("/page/api/session", get_session),
            web.post("/page/api/login", post_login),
            web.post("/page/api/logout", post_logout),
            web.get("/page/api/events", get_events),
            web.put("/page/api/events/{id}", put_events),
            web.post("/page/api/do/{action}", post_do),
            web.get("/page/api/log/{uuid}", get_log),
            web.get("/page/api/preview/{commit}", get_preview),
        ]
    )
    app.on_response_prepare.append(files.restrict)


def for_person(handler: PersonHandler) -> Handler:
    """Let in people who are logged in; a change must come from the page that they have open."""

    async def handle(request: web.Request) -> web.StreamResponse:
        server = request.app[SERVER]
        session = sessions.find(server.database, request.cookies.get(COOKIE, ""), server.clock())
        if session is None:
            raise web.HTTPUnauthorized(text=LOGIN)
        if request.method != "GET":
            _require_json(request)
            if not session.comes_with(request.headers.get("Picket-CSRF", "")):
                raise web.HTTPForbidden(text="load the page again: this did not come from it")
        return await handler(request, server, session)

    return handle


async def post_login(request: web.Request) -> web.StreamResponse:
    """Begin a session for who has a person's token."""
    server, page = request.app[SERVER], request.app[PAGE]
    _require_json(request)
    address, now = request.remote or "", server.steady()
    if seconds := page.throttle.wait_seconds(address, now):
        text = f"too many wrong tokens from here: try again in {seconds:.0f} s"
        raise web.HTTPTooManyRequests(text=text, headers={"Retry-After": str(round(seconds) + 1)})
    begun = sessions.begin(server.database, (await _read(request, Login)).token.strip(), server.clock())
    if begun is None:
        page.throttle.failed(address, now)
        server.refusals.note(address, now)
        raise web.HTTPForbidden(text="this token opens nothing: on the server, 'fleet token new NAME' gives one")
    secret, session = begun
    answer = web.json_response(_said_of(server, session))
    answer.set_cookie(
        COOKIE, secret, max_age=round(SESSION_SECONDS), path="/", secure=True, httponly=True, samesite="Strict"
    )
    return answer


@for_person
async def post_logout(request: web.Request, server: Server, _session: Session) -> web.StreamResponse:
    """End the session, and what it has open."""
    sessions.end(server.database, request.cookies[COOKIE])
    for stream in request.app[PAGE].streams.values():
        stream.wake()
    answer = web.json_response({})
    answer.del_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Strict")
    return answer


@for_person
async def get_session(_request: web.Request, server: Server, session: Session) -> web.StreamResponse:
    """Say who is logged in."""
    return web.json_response(_said_of(server, session))


@for_person
async def get_events(request: web.Request, server: Server, _session: Session) -> web.StreamResponse:
    """Tell what there is and what changes, until the session or the server ends, or nobody listens."""
    page, cookie = request.app[PAGE], request.cookies[COOKIE]
    if len(page.streams) >= MOST_STREAMS:
        raise web.HTTPServiceUnavailable(text="too many pages are open: close some")
    stream = Stream(secrets.token_hex(8), server, page.picture, is_packed=_takes_gzip(request))
    page.streams[stream.id] = stream
    if page.looking is None or page.looking.done():
        page.looking = asyncio.create_task(_look(server, page))

    def goes_on() -> bool:
        return not server.changes.is_over and sessions.find(server.database, cookie, server.clock()) is not None

    try:
        return await stream.run(request, goes_on)
    finally:
        del page.streams[stream.id]


@for_person
async def put_events(request: web.Request, _server: Server, _session: Session) -> web.StreamResponse:
    """Have a stream tell more of one device, or of one release."""
    stream = request.app[PAGE].streams.get(request.match_info["id"])
    if stream is None:
        raise web.HTTPNotFound(text="this page's connection was cut")
    stream.look_at(await _read(request, Focus))
    return web.json_response({})


@for_person
async def post_do(request: web.Request, server: Server, _session: Session) -> web.StreamResponse:
    """Do something."""
    working = Working(server.home, server.database, server.clock())
    done = actions.decide(working, request.match_info["action"], await request.read())
    server.changes.wake()
    return web.json_response(done)


@for_person
async def get_log(request: web.Request, server: Server, _session: Session) -> web.StreamResponse:
    """Answer with all lines that are kept of a device."""
    try:
        device = devices.find(server.database, request.match_info["uuid"])
    except FleetError as error:
        raise web.HTTPNotFound(text=str(error)) from None
    lines = [
        f"{moment(line.time)}  {line.service or '(device)'}  {printable(line.message)}\n"
        for line in logs.tail(server.database, device.id, count=logs.LINES)
    ]
    headers = {"Content-Disposition": f'attachment; filename="{device.uuid[:7]}.log"'}
    return web.Response(text="".join(lines), headers=headers)


@for_person
async def get_preview(request: web.Request, server: Server, _session: Session) -> web.StreamResponse:
    """Say what a release would do to the devices that do not run it."""
    return web.json_response(await effects_of(server, request.match_info["commit"]))


class Login(msgspec.Struct):
    """What somebody logs in with."""

    token: str


async def _look(server: Server, page: Page) -> None:
    """Look at what there is, for as long as anybody wants to know."""
    while page.streams and not server.changes.is_over:
        change = server.changes.next()
        took_seconds = 0.0
        with suppress(sqlite3.OperationalError):  # a disk in trouble: what matters then fails elsewhere, and says so
            took_seconds = await page.picture.look(server.clock())
        for stream in page.streams.values():
            stream.wake()
        await asyncio.sleep(max(page.picture.GAP_SECONDS, 10 * took_seconds))
        try:
            await asyncio.wait_for(change.wait(), page.picture.GAP_SECONDS)
        except TimeoutError:
            pass
    for stream in page.streams.values():  # the server stops
        stream.wake()


def _said_of(server: Server, session: Session) -> dict[str, Any]:
    return {"person": session.person, "fleet": server.home.configuration.name, "csrf": session.csrf}


def _require_json(request: web.Request) -> None:
    """Refuse what a form of another site could send."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="expected JSON")


def _takes_gzip(request: web.Request) -> bool:
    return "gzip" in request.headers.get("Accept-Encoding", "")


async def _read(request: web.Request, kind: Any) -> Any:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise web.HTTPBadRequest(text=str(error)) from None
