"""A release that `balena deploy` builds elsewhere: its rows, and its end.

    POST release → POST service, image, image__is_part_of__release, ... → (push of the images) → PATCH release

At the end a process of its own (picket_fleet.cloud.finish) takes the images over, as if they had been built here. A
restart of the server ends no deploy: all of it is in the database and in files, and the command line asks again.
"""

import asyncio
import secrets
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from picket_fleet import compose
from picket_fleet.build import composition
from picket_fleet.build.errors import RefusedError
from picket_fleet.build.release import SCRATCH
from picket_fleet.cloud.filters import number_of
from picket_fleet.cloud.rows import moment
from picket_fleet.errors import FleetError
from picket_fleet.releases.version import semver
from picket_fleet.server.access import Server
from picket_fleet.store import deploys, releases
from picket_fleet.store.deploys import Deploy

RESOURCES = ("release", "service", "image", "image__is_part_of__release", "image_label", "image_environment_variable")
ABANDONED_SECONDS = 3600.0
Row = dict[str, Any]


def blobs(server: Server) -> Path:
    """Return the folder for what is pushed, until it is taken over."""
    server.home.blobs.mkdir(mode=0o700, exist_ok=True)
    return server.home.blobs


def add(server: Server, resource: str, fields: Mapping[str, Any], person: str) -> Row:
    """Add a row and return it; raises FleetError."""
    if resource == "release":
        return _add_release(server, fields, person)
    if resource == "service":
        name = str(fields.get("service_name"))
        return {"id": releases.service_id(server.database, name), "service_name": name}
    if resource == "image":
        of = fields.get("is_a_build_of__service")
        service = releases.services_by_id(server.database).get(of) if isinstance(of, int) else None
        if service is None:
            raise FleetError("is_a_build_of__service: there is no such service")
        image = deploys.add_image(server.database, service)
        place = f"{server.home.configuration.registry}/v2/{image.location}"
        return {"id": image.id, "is_stored_at__image_location": place, **fields}
    if resource == "image__is_part_of__release":
        number, release = fields.get("image"), fields.get("is_part_of__release")
        if not isinstance(number, int) or not isinstance(release, int):
            raise FleetError("image__is_part_of__release: expected the ids of an image and a release")
        if not deploys.join(server.database, number, release):
            raise FleetError("image__is_part_of__release: that image or release is not being deployed")
        return {"id": number}
    return {"id": 0}  # labels and variables of an image: the composition has them


def note_image(server: Server, selector: str) -> None:
    """Hear that an image was pushed; what counts is its manifest, which came with it."""
    number = number_of(selector)
    if number is None or not deploys.has_image(server.database, number):
        raise web.HTTPNotFound(text=f"image {selector}: not being deployed")


async def end(server: Server, number: int, status: str) -> None:
    """Take a release over once it was pushed, or give it up; raises HTTPException with what is wrong.

    Who asks once more, because the answer was lost, gets it.
    """
    deploy = deploys.get(server.database, number)
    if deploy is None:
        release = releases.get(server.database, number)
        if status == "success" and release.status != "success":
            raise web.HTTPBadRequest(text=f"{release.version} is not being deployed any more: {release.status}")
        return
    ending = server.ending.get(number)
    if ending is None:
        ending = server.ending[number] = asyncio.create_task(_end(server, deploy, status))
        ending.add_done_callback(lambda _: server.ending.pop(number, None))
    if problem := await asyncio.shield(ending):
        raise web.HTTPBadRequest(text=problem)


async def _end(server: Server, deploy: Deploy, status: str) -> str:
    """End a deploy and return what is wrong with its images; one that is cut off goes on when that is asked again."""
    problem = ""
    if status == "success":
        problem = await _take_over(server, deploy)
    else:
        given_up = "cancelled" if status == "cancelled" else "failed"
        releases.fail(server.database, deploy.release, server.clock(), given_up)
    deploys.end(server.database, deploy.release)
    if not deploys.going_on(server.database) and server.home.blobs.exists():
        gone = server.home.builds / f"{SCRATCH}{secrets.token_hex(8)}"  # the next deploy may begin while this goes
        server.home.blobs.rename(gone)
        await asyncio.to_thread(shutil.rmtree, gone, ignore_errors=True)
    return problem


async def _take_over(server: Server, deploy: Deploy) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picket_fleet.cloud.finish", str(server.home.folder), str(deploy.release)),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:  # the server ends
            process.kill()
    if process.returncode and process.returncode < 0:
        raise web.HTTPServiceUnavailable(text="taking the release over was cut off: try again")
    return said.decode(errors="replace") or "it could not be taken over" if process.returncode else ""


def _add_release(server: Server, fields: Mapping[str, Any], person: str) -> Row:
    given = _composition(fields.get("composition"))
    if problems := compose.check(given):
        raise RefusedError("\n".join(f"{'.'.join(map(str, problem.path))}: {problem.why}" for problem in problems))
    _sweep(server)
    number, is_draft = semver(str(fields.get("semver") or "")), fields.get("is_final") is False
    with server.database.transaction():
        release = releases.begin(server.database, number, server.clock(), composition=composition.normalise(given))
        deploys.begin(server.database, Deploy(release.id, is_draft, person))
    return {
        "id": release.id,
        "commit": release.commit_id,
        "status": "running",
        "source": "local",
        "is_final": not is_draft,
        "semver": release.semver,
        "composition": given,
        "start_timestamp": moment(release.started_at),
    }


def _composition(given: Any) -> Row:
    """Return a composition without how its images were built: the command line adds what no file may have."""
    if not isinstance(given, dict) or not isinstance(given.get("services"), dict):
        raise FleetError("composition: expected an object with services")
    services = {
        name: {**service, "build": "."} if isinstance(service, dict) and "build" in service else service
        for name, service in given["services"].items()
    }
    return {**given, "services": services}


def _sweep(server: Server) -> None:
    """Give up what nobody has pushed anything of for long: a command line that was killed ends it never."""
    folder = blobs(server)
    last = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
    if server.clock() - last < ABANDONED_SECONDS or server.ending:
        return
    for number in deploys.going_on(server.database):
        releases.fail(server.database, number, server.clock())
        deploys.end(server.database, number)
    shutil.rmtree(folder, ignore_errors=True)
