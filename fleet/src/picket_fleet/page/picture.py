"""All devices and releases in short, and what changed since somebody looked last.

Whoever looks gets what has a greater serial than what he saw. With a thousand devices a look reads their rows and makes
anew only the views of those that changed; where all did, as after a push, others have their turn between some of them.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Hashable
from typing import Any

from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.people import rollout, views
from picket_fleet.people.wording import timestamp
from picket_fleet.store import devices, fleet, keys, releases, rollout_view, rollouts, variables
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release

SEEN_SECONDS = 60  # how exactly it is told when a device that is online was heard last
SLICE = 25
JUDGED = ("updating", "soaking", "unwell", "good")  # whose being well a stage waits for
HEALTH = "picket_health"  # the tag in which Picket says how its services are

View = dict[str, Any]
Name = tuple[str, str]  # kind, id


def device_in_full(database: Database, uuid: str, now: float) -> View | None:
    """Return all that is known of a device, None where there is none; when it was seen is told by the list."""
    row = database.one("SELECT id FROM device WHERE uuid = ?", uuid)
    if row is None:
        return None
    view = views.device_in_full(database, devices.get(database, row["id"]), now)
    return {**view, "seen_at": None, "stopped": sorted(devices.stopped(database, row["id"]))}


class Picture:
    """What there is."""

    GAP_SECONDS = 0.25  # between two looks, at least

    def __init__(self, home: Home, database: Database) -> None:
        """Begin with nothing seen."""
        self._home, self._database = home, database
        self._serial = self._complete = 0  # of the last change, and of the last in a look that is over
        self._views: dict[Name, tuple[int, View | list[View] | None]] = {}
        self._seen_world: Hashable = None
        self._causes: dict[str, Hashable] = {}  # of each device: what its view was made of
        self._sizes: dict[tuple[int, int], int] = {}  # of releases, by their ids and how many images there are

    def since(self, serial: int) -> tuple[dict[str, Any], int]:
        """Return what has changed since a serial, by kind and id, and the serial to ask with next: of whole looks."""
        found: dict[str, Any] = {}
        for (kind, name), (changed_at, view) in self._views.items():
            if not serial < changed_at <= self._complete or (serial == 0 and view is None):
                continue
            if name:
                found.setdefault(kind, {})[name] = view
            else:
                found[kind] = view
        return found, self._complete

    async def look(self, now: float) -> float:
        """Look at all there is; returns the seconds for which nobody else had a turn, at the longest."""
        await self._measure()
        began = time.perf_counter()
        database = self._database
        rows = database.all(f"SELECT {devices.COLUMNS} FROM device")
        tags = _by(database, "SELECT device, name, value FROM device_tag ORDER BY name")
        every = releases.everyone(database)
        runs = Counter(row["running"] for row in rows)
        pins = Counter(row["pinned_release"] for row in rows)
        if (world := self._world(every)) != self._seen_world:
            self._seen_world = world  # else the same object: a thousand comparisons with it cost nothing
        self._put(("fleet", ""), self._fleet())
        self._put(("policy", ""), self._policy())
        self._put(("variables", ""), self._variables())
        self._put(("invitations", ""), self._invitations(now))
        for release in self._releases(every, runs, pins):
            self._put(("releases", release["commit"]), release)
        self._rollout()
        fresh = []
        for row in rows:
            cause = _cause(row, tags.get(row["id"], {}), self._seen_world, now)
            if self._causes.get(row["uuid"]) != cause:
                fresh.append((row["id"], row["uuid"], cause))
        longest, turn = time.perf_counter() - began, time.perf_counter()
        for index, (number, uuid, cause) in enumerate(fresh):
            view = self._device(number, tags.get(number, {}), now)
            if view is not None:
                self._put(("devices", uuid), view)
                self._causes[uuid] = cause
            if index % SLICE == SLICE - 1:
                longest = max(longest, time.perf_counter() - turn)
                await asyncio.sleep(0)
                turn = time.perf_counter()
        self._forget("devices", {row["uuid"] for row in rows})
        self._forget("releases", {release.commit_id for release in every})
        self._complete = self._serial
        return longest

    def _put(self, name: Name, view: View | list[View] | None) -> None:
        if name not in self._views or self._views[name][1] != view:
            self._serial += 1
            self._views[name] = (self._serial, view)

    def _forget(self, kind: str, there: set[str]) -> None:
        for name in [name for name in self._views if name[0] == kind and name[1] not in there]:
            if self._views[name][1] is not None:
                self._put(name, None)
            if kind == "devices":
                self._causes.pop(name[1], None)

    def _world(self, every: list[Release]) -> Hashable:
        """Return what all devices' views depend on."""
        followed = self._database.one(
            "SELECT policy, settled_release, last.id, json_extract(state, '$.phase'), json_extract(state, '$.stage'), "
            "(SELECT count(*) FROM rollout_member WHERE rollout = last.id) "
            "FROM following LEFT JOIN rollout AS last ON last.id = (SELECT max(id) FROM rollout)"
        )
        return fleet.get(self._database).pinned_release, tuple(every), tuple(followed or ())

    def _fleet(self) -> View:
        database, configuration = self._database, self._home.configuration
        target, pinned = releases.target_of(database, None), fleet.get(database).pinned_release
        return {
            "name": configuration.name,
            "address": configuration.address,
            "device_type": configuration.device_type,
            "target": views.named(target),
            "is_pinned": pinned is not None,
            "services": sorted(releases.services_by_id(database).values()),
        }

    def _policy(self) -> View:
        """Return by what policy the next releases are rolled out: as it is set, and in words."""
        given = rollout.policy_as_given(rollouts.policy(self._database))
        return {**given, "said": rollout.policy_in_words(self._database)}

    def _rollout(self) -> None:
        """Put the rollout, and who is in it: each on its own, there may be a thousand."""
        state = self._database.one("SELECT id, state, ended_at FROM rollout ORDER BY id DESC LIMIT 1")
        cause = tuple(state or ()), fleet.get(self._database).pinned_release
        if self._causes.get("rollout") == cause:
            return
        self._causes["rollout"] = cause
        found = rollout_view.view(self._database)["rollout"]
        members = found["devices"] if found else []
        now_judged = [m["soaked_seconds"] for m in members if m["stage"] == found["stage"] and m["state"] in JUDGED]
        if found:
            found = {**found, "devices": None, "soaked_seconds": round(min(now_judged, default=0.0))}
        self._put(("rollout", ""), found)
        for member in members:
            self._put(("members", member["uuid"]), {name: member[name] for name in ("name", "stage", "state", "why")})
        self._forget("members", {member["uuid"] for member in members})

    def _variables(self) -> list[View]:
        called = {row["id"]: row["name"] for row in self._database.all("SELECT id, name FROM device")}
        every = variables.everywhere(self._database)
        return [
            {"name": one.name, "service": one.service, "device": called.get(one.device, "") if one.device else ""}
            for one in sorted(every, key=lambda v: (v.name, v.device is not None, v.service, v.device or 0))
        ]

    def _invitations(self, now: float) -> list[View]:
        """Return the keys for machines that join, without themselves."""
        return [
            {"name": key.name, "expires_at": timestamp(key.expires_at)}
            for key in keys.everyone(self._database)
            if key.kind == keys.PROVISIONING and (key.expires_at is None or now < key.expires_at)
        ]

    def _releases(self, every: list[Release], runs: Counter[str], pins: Counter[int | None]) -> list[View]:
        database = self._database
        newest, pinned = views.latest(database), fleet.get(database).pinned_release
        tags = _by(database, "SELECT release, name, value FROM release_tag ORDER BY name")
        images = self._images()
        return [
            {
                "version": one.version,
                "commit": one.commit_id,
                "state": views.state_of(one),
                "is_latest": newest is not None and one.id == newest.id,
                "is_pinned": one.id == pinned,
                "devices": runs[one.commit_id],
                "pins": pins[one.id],
                "bytes": self._sizes.get((one.id, images.get(one.id, 0)), 0),
                "has_images": bool(images.get(one.id)),
                "began_at": timestamp(one.started_at),
                "ended_at": timestamp(one.ended_at),
                "note": one.note,
                "tags": tags.get(one.id, {}),
            }
            for one in every
        ]

    async def _measure(self) -> None:
        """Measure the releases that are new, or have lost their images, one by one."""
        images = self._images()
        for release in releases.everyone(self._database):
            key = (release.id, images.get(release.id, 0))
            if key not in self._sizes:
                self._sizes[key] = views.bytes_of(self._home, self._database, release) if key[1] else 0
                await asyncio.sleep(0)

    def _images(self) -> dict[int, int]:
        """Return how many images each release has."""
        return dict(tuple(row) for row in self._database.all("SELECT release, count(*) FROM image GROUP BY release"))

    def _device(self, number: int, tags: dict[str, str], now: float) -> View | None:
        try:
            device = devices.get(self._database, number)
        except FleetError:  # gone meanwhile
            return None
        view = views.device(self._database, device, now)
        return {**view, "seen_at": timestamp(_seen(device, now)), "tags": tags, "health": tags.get(HEALTH, "")}


def _seen(device: Device, now: float) -> float | None:
    seen = device.seen_at
    return seen // SEEN_SECONDS * SEEN_SECONDS if seen is not None and device.is_online(now) else seen


def _cause(row: Any, tags: dict[str, str], world: Hashable, now: float) -> Hashable:
    is_online = row["expected_at"] is not None and now < row["expected_at"]
    seen = row["seen_at"] // SEEN_SECONDS if is_online and row["seen_at"] is not None else row["seen_at"]
    own = (row["name"], row["pinned_release"], row["running"], row["report"], is_online, seen)
    return own, tuple(tags.items()), world


def _by(database: Database, statement: str) -> dict[int, dict[str, str]]:
    """Return names and values by the id that they belong to."""
    found: dict[int, dict[str, str]] = {}
    for number, name, value in database.all(statement):
        found.setdefault(number, {})[name] = value
    return found
