"""What a release that is there would do to the devices that do not run it, as `fleet preview` says it of a commit."""

import asyncio
from typing import Any

from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.server.access import Server
from picket_fleet.store import images, preview, releases
from picket_fleet.store.effects import effects


async def effects_of(server: Server, commit: str) -> list[dict[str, Any]]:
    """Return what is to be said of the devices, after the deltas that are missing were made; raises FleetError."""
    database = server.database
    release = releases.of_commit(database, commit)
    if release is None or not images.of(database, release.id):
        raise FleetError("there are no images of this release")
    for base in releases.running(database):
        if base.id != release.id and images.of(database, base.id):
            await server.deltas.find(base.commit_id, commit)
    return await asyncio.to_thread(_said, server.home, commit, server.clock())


def _said(home: Home, commit: str, now: float) -> list[dict[str, Any]]:
    database = home.database()
    try:
        release = releases.of_commit(database, commit)
        if release is None:
            return []
        draft = preview.draft_again(database, release)
        found = preview.preview(home, database, draft, preview.kept_delta(home, draft), now)
    finally:
        database.close()
    return [
        effect._asdict() for effect in effects([one for one in found if (one["release"] or {}).get("commit") != commit])
    ]
