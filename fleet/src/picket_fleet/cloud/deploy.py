"""A release that `balena deploy` builds elsewhere: its rows, and its end.

    POST release → POST service, image, image__is_part_of__release, ... → (push of the images) → PATCH release

At the end a process of its own (picket_fleet.cloud.finish) takes the images over, as if they had been built here.
"""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet import compose
from picket_fleet.build import composition
from picket_fleet.build.errors import RefusedError
from picket_fleet.cloud.deploys import Deploy
from picket_fleet.cloud.rows import moment
from picket_fleet.errors import FleetError
from picket_fleet.releases.version import semver
from picket_fleet.server.access import Server
from picket_fleet.store import releases

RESOURCES = ("release", "service", "image", "image__is_part_of__release", "image_label", "image_environment_variable")
ABANDONED_SECONDS = 3600.0
Row = dict[str, Any]


def blobs(server: Server) -> Path:
    """Return the folder for what is pushed, until it is taken over."""
    folder = server.home.builds / "blobs"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


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
        number, image = server.deploys.add_image(service)
        place = f"{server.home.configuration.registry}/v2/{image.location}"
        return {"id": number, "is_stored_at__image_location": place, **fields}
    if resource == "image__is_part_of__release":
        try:
            server.deploys.join(int(fields["image"]), int(fields["is_part_of__release"]))
        except (KeyError, TypeError, ValueError):
            raise FleetError("image__is_part_of__release: that image or release is not being deployed") from None
        return {"id": fields["image"]}
    return {"id": 0}  # labels and variables of an image: the composition has them


def note_image(server: Server, selector: str) -> None:
    """Hear that an image was pushed; what counts is its manifest, which came with it."""
    if not any(selector == str(number) for deploy in server.deploys.going_on.values() for number in deploy.images):
        raise web.HTTPNotFound(text=f"image {selector}: not being deployed")


async def end(server: Server, number: int, status: str) -> None:
    """Take a release over once it was pushed, or give it up; raises HTTPException with what is wrong."""
    deploy = server.deploys.going_on.get(number)
    if deploy is None or deploy.is_ending:
        return
    deploy.is_ending = True  # what was pushed is needed until its end
    try:
        if status != "success":
            releases.fail(server.database, number, server.clock(), "cancelled" if status == "cancelled" else "failed")
            return
        await _finish(server, number, deploy)
    finally:
        del server.deploys.going_on[number]
        if not server.deploys.going_on:
            await asyncio.to_thread(shutil.rmtree, blobs(server), ignore_errors=True)


def _add_release(server: Server, fields: Mapping[str, Any], person: str) -> Row:
    given = _composition(fields.get("composition"))
    if problems := compose.check(given):
        raise RefusedError("\n".join(f"{'.'.join(map(str, problem.path))}: {problem.why}" for problem in problems))
    composed = composition.normalise(given)
    _sweep(server)
    release = releases.begin(
        server.database, semver(str(fields.get("semver") or "")), server.clock(), composition=composed
    )
    is_draft = fields.get("is_final") is False
    server.deploys.going_on[release.id] = Deploy(composed, is_draft, person)
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
    going_on = server.deploys.going_on
    if server.clock() - last < ABANDONED_SECONDS or any(deploy.is_ending for deploy in going_on.values()):
        return
    for number in list(going_on):
        releases.fail(server.database, number, server.clock())
        del going_on[number]
    shutil.rmtree(folder, ignore_errors=True)


async def _finish(server: Server, number: int, deploy: Deploy) -> None:
    order = {
        "release": number,
        "is_draft": deploy.is_draft,
        "person": deploy.person,
        "composition": deploy.composition,
        "manifests": {image.service: image.manifest for image in deploy.images.values()},
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "picket_fleet.cloud.finish", str(server.home.folder), str(blobs(server))),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    said, _ = await process.communicate(msgspec.json.encode(order))
    if process.returncode:
        raise web.HTTPBadRequest(text=said.decode(errors="replace") or "the release could not be taken over")
