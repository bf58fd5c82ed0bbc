"""Who asks: a person, by the token of `fleet token new`; the same addresses are devices' too, by their own keys."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from picket_fleet.server.access import SERVER, Handler, Server, bearer, unauthorized
from picket_fleet.store import keys

PersonHandler = Callable[[web.Request, Server, str], Awaitable[web.StreamResponse]]


def person_of(request: web.Request) -> str | None:
    """Return whose token a request has, if it is a good one of a person."""
    server, key = request.app[SERVER], bearer(request)
    return keys.holder(server.database, keys.PERSON, key, server.clock()) if key else None


def for_person(handler: PersonHandler, otherwise: Handler | None = None) -> Handler:
    """Let in people; anybody else comes to `otherwise`, if there is such."""

    async def handle(request: web.Request) -> web.StreamResponse:
        person = person_of(request)
        if person is not None:
            return await handler(request, request.app[SERVER], person)
        if otherwise is None:
            raise unauthorized()
        return await otherwise(request)

    return handle
