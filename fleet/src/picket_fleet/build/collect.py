"""Let go of what no device needs any more.

Kept are the releases that a device runs, that the fleet or a device is pinned to or is to run, drafts and others among
the last KEPT, and the last KEPT that could be followed: what one would go back to. Of any other the images go, the row
stays for people to read, invalidated: nobody is to follow, or be pinned to, what is not there. What builds leave in the
engine goes as well, in time (.cache).
"""

from picket_fleet.build.cache import prune
from picket_fleet.build.locks import locked
from picket_fleet.home import Home
from picket_fleet.store import devices, fleet, images, releases, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release

KEPT = 10
KEPT_LOGS = 100  # of the last builds, also of those that failed


def collect(home: Home, database: Database) -> int:
    """Remove images, layers and deltas that no device needs; return how many releases lost theirs.

    It is to be called where nothing is being built.
    """
    with locked(home.deltas / ".lock", lambda: None):
        with database.transaction():
            kept = needed(database)
            gone = [
                release
                for release in releases.everyone(database)
                if release.id not in kept and release.status != "running" and images.of(database, release.id)
            ]
            for release in gone:
                _forget(database, release)
            database.run("DELETE FROM config WHERE image_id NOT IN (SELECT image_id FROM image)")
            layers, commits = images.layers(database), _commits(database)
            logs = commits | {release.commit_id for release in releases.everyone(database)[:KEPT_LOGS]}
        for file in home.layers.glob("*.tar.zst"):
            if file.name.partition(".")[0] not in layers:
                file.unlink()
        for file in home.layers.glob("*.is"):
            if file.read_text() not in layers:
                file.unlink()
        for file in home.deltas.glob("*-*"):
            if not set(file.name.split("-")) <= commits:
                file.unlink()
        for file in home.builds.glob("*.log"):
            if file.stem not in logs:
                file.unlink()
    prune(home, database)
    return len(gone)


def needed(database: Database) -> set[int]:
    """Return the ids of the releases that are kept."""
    built = [release for release in releases.everyone(database) if release.status == "success"]
    followed = [release for release in built if release.revision is not None and not release.is_invalidated]
    every = devices.everyone(database)
    targets = [releases.target_of(database, device) for device in (*every, None)]
    pins = {fleet.get(database).pinned_release, *(device.pinned_release for device in every)}
    running = {release.id for release in releases.running(database)}
    wanted = {release.id for release in (*built[:KEPT], *followed[:KEPT], *filter(None, targets))}
    return wanted | running | rollouts.needed(database) | {pin for pin in pins if pin is not None}


def _forget(database: Database, release: Release) -> None:
    database.run("DELETE FROM image WHERE release = ?", release.id)
    releases.invalidate(database, release.id)


def _commits(database: Database) -> set[str]:
    return {
        row["commit_id"]
        for row in database.all("SELECT commit_id FROM release WHERE id IN (SELECT release FROM image)")
    }
