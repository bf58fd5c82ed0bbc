"""The releases: from the push that began one to the devices that run it.

    release = begin(database, semver, now)              status running
    publish(database, release.id, build, sign, now)     status success: devices follow it unless it is a draft
    fail(database, release.id, now)                     status failed

`sign` is `Home.sign`. Deltas are made before `publish`: what it announces is to be there.
"""

import re
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.releases import manifest, version
from picket_fleet.releases.version import Candidate
from picket_fleet.store import fleet, images, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device

Sign = Callable[[bytes], bytes]


class Release(msgspec.Struct, frozen=True):
    """A release; without a `revision` it is a draft, or was not built."""

    id: int
    commit_id: str
    semver: str
    revision: int | None
    status: str
    is_invalidated: bool
    started_at: float
    ended_at: float | None
    note: str

    @property
    def version(self) -> str:
        """Return the version, as people see it."""
        return version.raw_version(self.semver, self.revision, self.started_at)


class Build(msgspec.Struct, frozen=True):
    """What was built: the composition without `build`, and by service its image's config (the engine's bytes)."""

    composition: dict[str, Any]
    configs: dict[str, bytes]
    is_draft: bool = False


class Announcement(msgspec.Struct, frozen=True):
    """A release's manifest with its signature."""

    manifest: bytes
    signature: bytes


COLUMNS = ", ".join(Release.__struct_fields__)


def new_commit_id() -> str:
    """Return 32 random hex digits that no database takes for a number."""
    while re.fullmatch(r"\d*e?\d*", commit_id := secrets.token_hex(16)):
        pass
    return commit_id


def begin(
    database: Database, semver: str, now: float, commit_id: str = "", composition: Mapping[str, Any] | None = None
) -> Release:
    """Note that a release is being built; its commit id may be one that `new_commit_id` gave before.

    One that has its `composition` already is built elsewhere. It begins after all others, even where the clock was set
    back since: of those that are good, devices follow the one that began last.
    """
    number = database.run(
        "INSERT INTO release (commit_id, semver, status, started_at, composition) SELECT ?, ?, 'running',"
        " max(?, ifnull(max(started_at) + 0.001, 0)), ? FROM release",
        *(commit_id or new_commit_id(), semver, now, msgspec.json.encode(composition or {}).decode()),
    )
    return get(database, number)


def publish(database: Database, number: int, build: Build, sign: Sign, now: float) -> Release:
    """Let a release that was built be run, all at once; devices hear of it within a second."""
    with database.transaction():
        for service, config in sorted(build.configs.items()):
            images.add(database, number, service, config)
        database.run(
            "UPDATE release SET status = 'success', ended_at = ?, composition = ? WHERE id = ?",
            *(now, msgspec.json.encode(build.composition).decode(), number),
        )
        _number_and_sign(database, number, sign, is_draft=build.is_draft)
    return get(database, number)


def finalise(database: Database, number: int, sign: Sign) -> Release:
    """Make a draft a release that devices follow; raises FleetError for what is none."""
    with database.transaction():
        release = get(database, number)
        if release.status != "success" or release.revision is not None:
            raise FleetError(f"{release.version}: not a draft")
        _number_and_sign(database, number, sign, is_draft=False)
    return get(database, number)


def fail(database: Database, number: int, now: float, status: str = "failed") -> None:
    """Note that a build failed, or was 'cancelled'."""
    database.run("UPDATE release SET status = ?, ended_at = ? WHERE id = ? AND status = 'running'", status, now, number)


def get(database: Database, number: int) -> Release:
    """Return a release by its id; raises FleetError."""
    row = database.one(f"SELECT {COLUMNS} FROM release WHERE id = ?", number)
    if row is None:
        raise FleetError(f"there is no release {number}")
    return _read(row)


def find(database: Database, text: str) -> Release:
    """Return the release of that version, or whose commit id alone begins so, or "latest"; raises FleetError."""
    every = everyone(database)
    followed = version.latest(map(_candidate, every))
    found = [
        release
        for release in every
        if release.version == text
        or (len(text) >= 4 and release.commit_id.startswith(text))
        or (text == "latest" and release.id == followed)
    ]
    if len(found) != 1:
        raise FleetError(f"{text}: {'more than one release' if found else 'no such release'}")
    return found[0]


def of_commit(database: Database, commit_id: str) -> Release | None:
    """Return the release of a commit id, if there is one."""
    row = database.one(f"SELECT {COLUMNS} FROM release WHERE commit_id = ?", commit_id)
    return _read(row) if row else None


def everyone(database: Database) -> list[Release]:
    """Return all releases, the last begun first."""
    return [_read(row) for row in database.all(f"SELECT {COLUMNS} FROM release ORDER BY started_at DESC, id DESC")]


def target_of(database: Database, device: Device | None) -> Release | None:
    """Return what a device is to run, or (None) one without a pin of its own."""
    # every poll of every device asks this: the rule sees the one release that it would choose, not all there ever were
    newest = database.all(
        f"SELECT {COLUMNS} FROM release WHERE status = 'success' AND revision IS NOT NULL AND NOT is_invalidated "
        "ORDER BY started_at DESC, id DESC LIMIT 1"
    )
    pins = device.pinned_release if device else None, fleet.get(database).pinned_release
    followed = version.target(*pins, [_candidate(_read(row)) for row in newest])
    if followed is not None and pins == (None, None):
        followed = rollouts.followed(database, followed, device.id if device else None)
    return None if followed is None else get(database, followed)


def previous(database: Database, device: Device | None = None) -> Release | None:
    """Return the last good release before the one that the fleet (or a device) is to run: what it is rolled back to."""
    current = target_of(database, device)
    if device is None and rollouts.is_under_way(database):
        return current  # that is what those run that have not got the new one
    older = (r for r in everyone(database) if current and (r.started_at, r.id) < (current.started_at, current.id))
    number = version.latest(map(_candidate, older))
    return None if number is None else get(database, number)


def running(database: Database) -> list[Release]:
    """Return the releases that devices say they run: the bases of deltas."""
    rows = database.all(f"SELECT {COLUMNS} FROM release WHERE commit_id IN (SELECT running FROM device) ORDER BY id")
    return [release for release in map(_read, rows) if release.status == "success"]


def services_by_id(database: Database) -> dict[int, str]:
    """Return the names of all services by their ids."""
    return dict(tuple(row) for row in database.all("SELECT id, name FROM service"))


def service_id(database: Database, name: str) -> int:
    """Return the id of a service; it has one from the first time that it is asked for."""
    database.run("INSERT OR IGNORE INTO service (name) VALUES (?)", name)
    row = database.one("SELECT id FROM service WHERE name = ?", name)
    assert row
    return int(row["id"])


def composition(database: Database, number: int) -> dict[str, Any]:
    """Return a release's compose file, normalised."""
    row = database.one("SELECT composition FROM release WHERE id = ?", number)
    return msgspec.json.decode(row["composition"], type=dict[str, Any]) if row else {}


def announcement(database: Database, number: int) -> Announcement | None:
    """Return the signed manifest of a release that was built."""
    row = database.one("SELECT manifest, signature FROM release WHERE id = ? AND manifest IS NOT NULL", number)
    return Announcement(**row) if row else None


def invalidate(database: Database, number: int, *, is_invalidated: bool = True) -> None:
    """Let a release not be followed any more (or be again, if it can run); who is pinned to it stays."""
    if not is_invalidated:
        fleet.check_pin(database, number)
    database.run("UPDATE release SET is_invalidated = ? WHERE id = ?", is_invalidated, number)


def annotate(database: Database, number: int, note: str) -> None:
    """Write a release's note."""
    database.run("UPDATE release SET note = ? WHERE id = ?", note, number)


def tags(database: Database, number: int) -> dict[str, str]:
    """Return a release's tags."""
    return dict(tuple(row) for row in database.all("SELECT name, value FROM release_tag WHERE release = ?", number))


def tag(database: Database, number: int, name: str, value: str | None) -> None:
    """Set a tag of a release ("git.sha" is the commit that was pushed), or remove it (None); raises FleetError."""
    fleet.check_tag(name)
    if value is None:
        database.run("DELETE FROM release_tag WHERE release = ? AND name = ?", number, name)
    else:
        database.run("INSERT OR REPLACE INTO release_tag VALUES (?, ?, ?)", number, name, value)


def _number_and_sign(database: Database, number: int, sign: Sign, *, is_draft: bool) -> None:
    if not is_draft:
        rows = database.all(
            "SELECT revision FROM release WHERE revision IS NOT NULL AND semver = ?", get(database, number).semver
        )
        revision = version.next_revision(row["revision"] for row in rows)
        database.run("UPDATE release SET revision = ? WHERE id = ?", revision, number)
    release = get(database, number)
    services = {image.service: image.image_id for image in images.of(database, number)}
    signed = manifest.encode(manifest.Manifest(release.commit_id, release.version, services))
    database.run("UPDATE release SET manifest = ?, signature = ? WHERE id = ?", signed, sign(signed), number)


def _candidate(release: Release) -> Candidate:
    is_final = release.revision is not None
    return Candidate(release.id, release.started_at, release.status, is_final, release.is_invalidated)


def _read(row: sqlite3.Row) -> Release:
    return Release(**{**row, "is_invalidated": bool(row["is_invalidated"])})
