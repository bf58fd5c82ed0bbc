"""Who is asking: a device by its key, or a machine that wants to join. Without a good key there is one answer, 401."""

import asyncio
import base64
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import web

from picket_fleet.home import Home
from picket_fleet.server.changes import Changes
from picket_fleet.server.compression import Dictionaries
from picket_fleet.server.deltas import Deltas
from picket_fleet.server.ledger import Ledger
from picket_fleet.server.tokens import Tokens
from picket_fleet.store import devices, keys
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.keys import Token

CONTACT_SECONDS = 60.0  # any call says: I am here for this long
REFUSAL_SECONDS = 3600.0
REFUSED_ADDRESSES = 1000

log = logging.getLogger(__name__)


class Refusals:
    """Says in the log who comes with a wrong key: an address once an hour, as some come every second."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._said: dict[str, float] = {}

    def note(self, address: str, now: float) -> None:
        """Note that an address was refused."""
        if now - self._said.get(address, -math.inf) < REFUSAL_SECONDS:
            return
        if len(self._said) >= REFUSED_ADDRESSES:
            self._said.clear()
        self._said[address] = now
        log.warning("%s has no good key", address)


def steady() -> float:
    """Return the seconds since this machine was started: what goes on the same when its clock is set, or it sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass
class Server:
    """What the handlers share."""

    home: Home
    database: Database
    changes: Changes
    ledger: Ledger
    deltas: Deltas
    tokens: Tokens
    refusals: Refusals = field(default_factory=Refusals)
    dictionaries: Dictionaries = field(default_factory=Dictionaries)
    ending: dict[int, asyncio.Task[str]] = field(default_factory=dict)  # deploys, by their releases
    clock: Callable[[], float] = time.time
    steady: Callable[[], float] = steady


SERVER = web.AppKey("server", Server)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DeviceHandler = Callable[[web.Request, Server, Device], Awaitable[web.StreamResponse]]


def unauthorized() -> web.HTTPUnauthorized:
    """Return the answer for everyone who may not: it tells nothing of what there is."""
    return web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"})


def bearer(request: web.Request) -> str:
    """Return the key of a request ("": none)."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.isascii() else ""


def basic(request: web.Request) -> tuple[str, str]:
    """Return user and password of a request; empty where there are none."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        text = base64.b64decode(encoded, validate=True).decode() if scheme.lower() == "basic" else ""
    except ValueError:
        return "", ""
    user, _, password = text.partition(":")
    return user, password


def device_of(server: Server, key: str) -> Device:
    """Return the device that has this key, and note the contact; raises HTTPUnauthorized."""
    device = devices.of_key(server.database, key) if key else None
    if device is None:
        raise unauthorized()
    server.ledger.heard(device, server.steady(), CONTACT_SECONDS)
    return device


def provisioning(server: Server, key: str) -> Token | None:
    """Return the provisioning key, if it is one that is good now."""
    return keys.find(server.database, keys.PROVISIONING, key, server.clock()) if key else None


def for_device(handler: DeviceHandler) -> Handler:
    """Let in devices only; where the path names a device, only that one."""

    async def handle(request: web.Request) -> web.StreamResponse:
        server = request.app[SERVER]
        device = device_of(server, bearer(request))
        if request.match_info.get("uuid", device.uuid) != device.uuid:
            raise unauthorized()
        return await handler(request, server, device)

    return handle
