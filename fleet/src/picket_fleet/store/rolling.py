"""Let a rollout begin and go on: what is seen of the devices, what is decided, and what is kept of it."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from picket_fleet.errors import FleetError
from picket_fleet.releases import evidence, rollout
from picket_fleet.releases.evidence import Wanted
from picket_fleet.releases.judging import Seen
from picket_fleet.releases.policy import Candidate, Policy, stages
from picket_fleet.releases.rollout import Phase, Rollout
from picket_fleet.store import fleet, images, releases, rollouts
from picket_fleet.store.database import Database
from picket_fleet.store.rollouts import HEALTH, UNDER_WAY, Kept

LONGEST_STEP_SECONDS = 10.0  # a server that was away, or a clock that jumped, has seen nothing meanwhile


class Found(NamedTuple):
    """A device, and what is seen of it with a release."""

    name: str
    uuid: str
    running: str
    seen: Seen


class Change(NamedTuple):
    """A rollout before (None: it has just begun) and after something has become of it."""

    before: Rollout | None
    after: Rollout


def look(database: Database, now: float) -> Change | None:
    """Begin what is due, and judge what is under way; returns the rollout that there is, if there is any."""
    # Nearly always there is nothing to do, and then nobody who writes has to wait.
    before = rollouts.current(database, with_members=False)
    if _due(database, before) is None and (before is None or not before.rollout.is_judged):
        is_there = rollouts.governing(database, with_members=False) is not None
        return Change(before.rollout, before.rollout) if before and is_there else None
    with database.transaction():
        before = rollouts.current(database)
        if due := _due(database, before):
            due(now)
        kept = rollouts.governing(database)
        if kept is None:
            return None
        is_same = before is not None and before.id == kept.id
        if kept.rollout.is_judged:
            seen = found(database, kept.rollout.release, now, _judged(kept.rollout))
            passed = min(max(0.0, now - kept.looked_at), LONGEST_STEP_SECONDS)
            after = rollout.step(kept.rollout, _seen(seen), passed, {device: one.name for device, one in seen.items()})
            rollouts.save(database, kept, after, now)
        else:
            after = kept.rollout
        return Change(before.rollout if before and is_same else None, after)


def resume(database: Database, now: float) -> Rollout:
    """Go on because a person says so; raises FleetError where there is nothing to go on with."""
    with database.transaction():
        kept = _current(database, now)
        if not any(member.stage <= kept.rollout.stage for member in kept.rollout.members.values()):
            # There was no canary: there may be one by now.
            _begin(database, kept.rollout.release, kept.rollout.base, kept.rollout.policy, kept.rollout, now)
            anew = _current(database, now).rollout
            if anew.phase == Phase.ROLLING:
                return anew
        return _override(database, now, lambda one, seen: rollout.resume(one, seen))


def halt(database: Database, now: float, *, undo: bool = False) -> Rollout:
    """Halt, or undo, because a person says so; raises FleetError where there is nothing to halt."""
    return _override(database, now, lambda one, _seen: rollout.halt(one, undo=undo))


def found(
    database: Database, release: int, now: float, is_judged: Callable[[int], bool] = lambda _device: True
) -> dict[int, Found]:
    """Return all devices by their ids, and what they say of a release; of those not judged the report is not read."""
    named = releases.get(database, release)
    built = tuple((image.service, image.image_id) for image in images.of(database, release))
    may_end = evidence.may_end(releases.composition(database, release))
    wanted = Wanted(fleet.get(database).uuid, named.commit_id, built, may_end)
    stopped: dict[int, set[str]] = {}
    for row in database.all("SELECT device, service FROM stopped"):
        stopped.setdefault(row["device"], set()).add(row["service"])
    rows = database.all(
        "SELECT device.id, device.name, uuid, running, pinned_release IS NOT NULL AS is_pinned,"
        " ifnull(expected_at, 0) > ? AS is_online, report, tag.value AS health, ifnull(serial, 0) AS said FROM device"
        " LEFT JOIN device_tag tag ON tag.device = device.id AND tag.name = ?"
        " LEFT JOIN health_said ON health_said.device = device.id ORDER BY device.name",
        *(now, HEALTH),
    )
    every = {}
    for row in rows:
        report = row["report"] if is_judged(row["id"]) else "{}"
        seen = evidence.seen(report, wanted, frozenset(stopped.get(row["id"], ())))._replace(
            is_online=bool(row["is_online"]),
            is_pinned=bool(row["is_pinned"]),
            health=row["health"],
            said_at=row["said"],
        )
        every[row["id"]] = Found(row["name"], row["uuid"], row["running"], seen)
    return every


def _due(database: Database, kept: Kept | None) -> Callable[[float], None] | None:
    """Return what is to be done now, if anything is: begin a rollout, halt one, or settle on a release."""
    newest, pinned, settled = rollouts.newest(database), fleet.get(database).pinned_release, rollouts.settled(database)
    if newest is None:
        return None
    if kept and rollouts.governs(kept, newest):
        if pinned and kept.rollout.phase == Phase.ROLLING:
            halted = replace(kept.rollout, phase=Phase.HALTED, reason="the fleet was pinned", by_hand=True)
            return lambda now: rollouts.save(database, kept, halted, now)
        return None
    policy, before = rollouts.policy(database), kept.rollout if kept else None
    is_begun = not pinned and policy and settled is not None and rollouts.is_newer(database, newest, settled)
    if not is_begun and settled == (pinned or newest) and not (before and before.phase == Phase.ROLLING):
        return None

    def do(now: float) -> None:
        if kept and kept.rollout.phase == Phase.ROLLING:
            rollouts.save(database, kept, replace(kept.rollout, phase=Phase.REPLACED), now)
        if is_begun and policy and settled is not None:
            _begin(database, newest, settled, policy, before, now)
        else:
            rollouts.settle_on(database, pinned or newest)

    return do


def _begin(database: Database, release: int, base: int, policy: Policy, before: Rollout | None, now: float) -> None:
    every = found(database, release, now)
    keeps = {}
    if before and before.phase in UNDER_WAY and before.base == base:
        keeps = {device: has for device in every if (has := rollouts.target_of(database, before, device)) != base}
    tags: dict[int, dict[str, str]] = {}
    for row in database.all("SELECT device, name, value FROM device_tag"):
        tags.setdefault(row["device"], {})[row["name"]] = row["value"]
    candidates = [
        Candidate(device, one.uuid, tags.get(device, {}), one.seen.is_online, device in keeps)
        for device, one in every.items()
        if not one.seen.is_pinned
    ]
    begun = rollout.begin(release, base, policy, stages(policy, candidates), _seen(every), keeps)
    rollouts.add(database, begun, now)


def _override(database: Database, now: float, decide: Callable[[Rollout, Mapping[int, Seen]], Rollout]) -> Rollout:
    with database.transaction():
        kept = _current(database, now)
        after = decide(kept.rollout, _seen(found(database, kept.rollout.release, now)))
        rollouts.save(database, kept, after, now)
        return after


def _current(database: Database, now: float) -> Kept:
    look(database, now)
    kept = rollouts.governing(database)
    if kept is None:
        pinned = fleet.get(database).pinned_release is not None
        why = "the fleet is pinned" if pinned else "everybody follows the latest release"
        raise FleetError(f"nothing is being rolled out: {why}")
    return kept


def _judged(one: Rollout) -> Callable[[int], bool]:
    """Return which devices' reports are looked at: of those that have the release, or may get it right now."""

    def is_judged(device: int) -> bool:
        member = one.members.get(device)
        return member is not None and member.stage <= one.stage + 1

    return is_judged


def _seen(every: Mapping[int, Found]) -> dict[int, Seen]:
    return {device: one.seen for device, one in every.items()}
