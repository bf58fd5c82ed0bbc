"""The server itself: its addresses, its life, and TLS."""

import asyncio
import errno
import logging
import resource
import signal
import sqlite3
import ssl
import time
from asyncio import sslproto
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from aiohttp import web

from picket_fleet.cloud import account, actions, blobs, logs, push
from picket_fleet.cloud import resources as model
from picket_fleet.cloud.access import for_person
from picket_fleet.errors import FleetError
from picket_fleet.home import Home, load
from picket_fleet.page import routes as page
from picket_fleet.remote import git_http
from picket_fleet.server import files, log_stream, registration, registry, report, resources, state
from picket_fleet.server.access import SERVER, Handler, Server, steady
from picket_fleet.server.changes import Changes
from picket_fleet.server.deltas import Deltas, MakeDelta, make_apart
from picket_fleet.server.ledger import WRITE_SECONDS, Ledger
from picket_fleet.server.repeating import repeat
from picket_fleet.server.rollouts import LOOK_SECONDS, Rollouts
from picket_fleet.server.tokens import Tokens
from picket_fleet.store.database import Database

BODY_BYTES = 512_000  # of what is read as a whole; log streams and git are not
STOP_SECONDS = 2.0
RECORD_BYTES = 1 << 14

Mount = Callable[[web.Application, Home], None]  # adds routes that see to access themselves, as git's do
log = logging.getLogger(__name__)


async def get_ping(_request: web.Request) -> web.StreamResponse:
    """Answer that the server is there; also to who has no key."""
    return web.Response(text="OK")


ROUTES = [
    web.get("/ping", get_ping),
    web.get("/connectivity-check", get_ping),
    web.post("/device/register", registration.post_register),
    web.post(r"/api-key/device/{id:\d{1,9}}/device-key", registration.post_device_key),
    web.get("/device/v3/{uuid}/state", state.get_state),
    web.patch("/device/v3/state", report.patch_state),
    web.post("/device/v2/{uuid}/log-stream", log_stream.post_log_stream),
    web.get("/auth/v1/token", for_person(blobs.get_token, registry.get_token)),
    web.get("/api/v3/delta", registry.get_delta),
    web.get("/v7/device", for_person(model.get_rows, resources.get_device)),
    web.patch("/v7/device({selector})", for_person(model.patch_rows, resources.patch_device)),
    web.get("/v7/device_tag", for_person(model.get_rows, resources.get_tags)),
    web.post("/v7/device_tag", for_person(model.post_row, resources.post_tag)),
    web.get("/v7/device_config_variable", for_person(model.get_rows, resources.get_config_variables)),
    web.post("/v7/device_config_variable", for_person(model.post_row, resources.post_config_variable)),
    web.get("/delta/{base}/{target}", files.get_delta),
    web.get("/layer/{diff_id}", files.get_layer),
    web.get("/config/{image_id}", files.get_config),
    web.get("/actor/v1/whoami", for_person(account.get_whoami)),
    web.get("/config/vars", account.get_variables),
    web.get("/device/v2/{uuid}/logs", for_person(logs.get_logs)),
    web.post("/v3/build", for_person(push.post_build)),
    *blobs.ROUTES,
    *actions.ROUTES,
    *model.ROUTES,
]


def application(
    home: Home, database: Database, *, make_delta: MakeDelta | None = None, mounts: Sequence[Mount] = ()
) -> web.Application:
    """Return the server's application; its database belongs to the thread that runs it."""
    app = web.Application(client_max_size=BODY_BYTES, middlewares=[_say_what_is_wrong])
    ledger = Ledger(database, steady(), time.time())
    tokens = Tokens(home.secret("registry"))
    app[SERVER] = Server(home, database, Changes(database), ledger, Deltas(home, make_delta), tokens)
    app.add_routes(ROUTES)
    for mount in mounts:
        mount(app, home)
    app.cleanup_ctx.append(_background)
    app.on_shutdown.append(_end_waits)
    app.on_response_prepare.append(_tell_little)
    return app


def serve(folder: Path) -> None:
    """Serve the fleet that lives in a folder, until SIGTERM or SIGINT."""
    home = load(folder)
    make_room()

    async def until_signal() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(home, stop, make_delta=partial(make_apart, home), mounts=[_mount_git, page.mount])

    asyncio.run(until_signal())


async def run(
    home: Home,
    stop: asyncio.Event,
    *,
    make_delta: MakeDelta | None = None,
    mounts: Sequence[Mount] = (),
    started: Callable[[int], None] = lambda _port: None,
) -> None:
    """Serve a fleet until `stop`; `started` is told the port, when devices may come."""
    database = home.database()
    # the default access log would have every request's whole address, queries and all
    app = application(home, database, make_delta=make_delta, mounts=mounts)
    # bodies stay as they come: git unpacks its own, and a log stream is unpacked by pieces
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS, auto_decompress=False)
    try:
        await runner.setup()
        host, _, port = home.configuration.listen.rpartition(":")
        site = web.TCPSite(runner, host, int(port), ssl_context=tls(home))
        await site.start()
        bound = runner.addresses[0][1]
        log.info("fleet %s: https on %s:%d", home.configuration.name, host, bound)
        started(bound)
        await stop.wait()
    finally:
        await runner.cleanup()
        database.close()


def _mount_git(app: web.Application, home: Home) -> None:
    app.add_routes(git_http.routes(home))


def make_room() -> None:
    """Let this process hold the connections of a thousand devices, two each."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    # asyncio gives each connection 256 KiB to read into, where a record of TLS has 16.
    sslproto.SSLProtocol.max_size = RECORD_BYTES


def tls(home: Home) -> ssl.SSLContext:
    """Return how connections are kept private."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(home.certificate, home.server_key)
    return context


@web.middleware
async def _say_what_is_wrong(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPUnauthorized:
        if "Authorization" in request.headers:  # git first comes without
            server = request.app[SERVER]
            server.refusals.note(request.remote or "", server.steady())
        raise
    except FleetError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    except sqlite3.OperationalError:  # locked for long, or a full disk: the ledger says so in the log
        raise web.HTTPServiceUnavailable(text="the fleet's database can't be used just now") from None
    except web.RequestPayloadError:  # it ended too early
        raise web.HTTPBadRequest(text="the request's body is cut off") from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise web.HTTPInsufficientStorage(text="the server's disk is full") from None


async def _background(app: web.Application) -> AsyncIterator[None]:
    server = app[SERVER]
    rollouts = Rollouts(server.database, server.changes)

    def write() -> None:
        server.ledger.write(server.steady(), server.clock())

    def look() -> None:
        write()  # when the clock has just been set, nobody is to be judged by what it showed before
        rollouts.look(server.clock())

    works = (
        server.changes.watch(),
        repeat("contacts and logs", WRITE_SECONDS, write),
        repeat("rollouts", LOOK_SECONDS, look),
    )
    tasks = [asyncio.create_task(work) for work in works]
    yield
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    write()


async def _end_waits(app: web.Application) -> None:
    app[SERVER].changes.end()


async def _tell_little(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Server", None)
