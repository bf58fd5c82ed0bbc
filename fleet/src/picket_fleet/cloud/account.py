"""Who one is, and what this cloud is like: the first questions of balena's command line."""

from aiohttp import web

from picket_fleet.cloud.rows import ORGANISATION, PERSON_ID
from picket_fleet.server.access import Server

# What balena's cloud says of names of variables (picket_fleet.store.variables refuses the same).
VARIABLES = {
    "reservedNames": ["BALENA", "RESIN", "USER"],
    "reservedNamespaces": ["RESIN_", "BALENA_"],
    "whiteListedNames": [],
    "whiteListedNamespaces": ["RESIN_HOST_", "BALENA_HOST_", "RESIN_SUPERVISOR_", "BALENA_SUPERVISOR_"],
    "blackListedNames": [],
    "invalidRegex": "/^\\d|\\W/",
    "configVarSchema": [],
}


async def get_whoami(_request: web.Request, _server: Server, person: str) -> web.StreamResponse:
    """Answer with the person whose token it is."""
    return web.json_response(
        {"id": PERSON_ID, "actorType": "user", "actorTypeId": PERSON_ID, "username": person, "email": ORGANISATION}
    )


async def get_variables(_request: web.Request) -> web.StreamResponse:
    """Answer with how variables may be named."""
    return web.json_response(VARIABLES)
