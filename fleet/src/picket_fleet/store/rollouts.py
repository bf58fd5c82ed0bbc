"""Rollouts, and the policy by which a new release becomes one.

Without a policy everybody follows the latest release at once. With one, a release that is newer than the settled one
(the last that was everybody's) is followed by nobody before a rollout of it lets devices go, stage by stage: whatever
made it the latest (a push, a draft that was finalised, a pin that was taken away), nothing has to say so here.

A rollout counts as long as its release is the latest. When another one becomes so meanwhile, the new rollout is from
the same settled release: who has the replaced one keeps it until its stage, and is among the first to get the new one.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from picket_fleet.releases.judging import Member
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase, Rollout, target
from picket_fleet.store import fleet
from picket_fleet.store.database import Database

NEWEST = """SELECT id FROM release WHERE status = 'success' AND revision IS NOT NULL AND NOT is_invalidated
ORDER BY started_at DESC, id DESC LIMIT 1"""

HEALTH = "picket_health"
UNDER_WAY = (Phase.ROLLING, Phase.HALTED)


class Kept(msgspec.Struct, frozen=True):
    """A rollout as it is kept; times are UTC."""

    id: int
    rollout: Rollout
    began_at: float
    ended_at: float | None
    looked_at: float


def policy(database: Database) -> Policy | None:
    """Return the fleet's policy; None: everybody at once."""
    text = _following(database)["policy"]
    return msgspec.json.decode(text, type=Policy) if text else None


def settled(database: Database) -> int | None:
    """Return the release that was everybody's last, or the last good one before it where it was invalidated since."""
    number: int | None = _following(database)["settled_release"]
    return None if number is None else _valid(database, number)


def settle_on(database: Database, release: int | None) -> None:
    """Note which release is everybody's."""
    database.run("UPDATE following SET settled_release = ?", release)


def set_policy(database: Database, wanted: Policy | None) -> None:
    """Set the policy for the releases to come; what everybody is to run now is settled."""
    with database.transaction():
        if policy(database) is None and not governs(current(database), newest(database)):
            settle_on(database, newest(database))
        text = msgspec.json.encode(wanted).decode() if wanted else None
        database.run("UPDATE following SET policy = ?", text)


def followed(database: Database, latest: int, device: int | None) -> int:
    """Return the release (its id) that a device without any pin is to run, where `latest` is the newest one.

    None is a device that nobody knows yet.
    """
    row = database.one(
        "SELECT policy, settled_release, rollout.id, rollout.state FROM following "
        "LEFT JOIN rollout ON rollout.id = (SELECT max(id) FROM rollout)"
    )
    if row is None:
        return latest
    rollout = None
    if row["id"] is not None:
        members = "SELECT device, state FROM rollout_member WHERE rollout = ? AND device = ?"
        rollout = _decode(row["state"], database.all(members, row["id"], device))
        if rollout.release == latest and rollout.phase != Phase.REPLACED:
            return target_of(database, rollout, device)
    everybodys = settled(database) if row["policy"] is not None else None
    if everybodys is None or not is_newer(database, latest, everybodys):
        return latest
    if rollout and rollout.phase in UNDER_WAY and rollout.base == everybodys:  # until that of the newest has begun
        return target_of(database, rollout, device)
    return everybodys


def target_of(database: Database, rollout: Rollout, device: int | None) -> int:
    """Return the release that a device without a pin is to run by a rollout; none that was invalidated meanwhile."""
    wanted = target(rollout, device)
    return wanted if _valid(database, wanted) == wanted else _valid(database, rollout.base)


def needed(database: Database) -> set[int]:
    """Return the releases that devices could be sent back to, or forth."""
    kept, everybodys = current(database, with_members=False), settled(database)
    return {*([kept.rollout.release, kept.rollout.base] if kept else []), *([everybodys] if everybodys else [])}


def current(database: Database, *, with_members: bool = True) -> Kept | None:
    """Return the last rollout there was, whatever became of it."""
    row = database.one("SELECT * FROM rollout ORDER BY id DESC LIMIT 1")
    if row is None:
        return None
    found = "SELECT device, state FROM rollout_member WHERE rollout = ?"
    members = database.all(found, row["id"]) if with_members else []
    return Kept(row["id"], _decode(row["state"], members), row["began_at"], row["ended_at"], row["looked_at"])


def governing(database: Database, *, with_members: bool = True) -> Kept | None:
    """Return the rollout by which devices without a pin get their release, if it is by one."""
    kept = current(database, with_members=with_members)
    return kept if governs(kept, newest(database)) and fleet.get(database).pinned_release is None else None


def is_under_way(database: Database) -> bool:
    """Tell whether some devices without a pin may have a release that others don't."""
    kept = governing(database, with_members=False)
    return kept is not None and kept.rollout.phase in UNDER_WAY


def save(database: Database, kept: Kept, rollout: Rollout, now: float) -> None:
    """Keep what has become of a rollout: what differs of it."""
    ended_at = None if rollout.phase == Phase.ROLLING else kept.ended_at or now
    with database.transaction():
        database.run(
            "UPDATE rollout SET state = ?, ended_at = ?, looked_at = ? WHERE id = ?",
            *(_encode(rollout), ended_at, now, kept.id),
        )
        _save_members(database, kept.id, kept.rollout.members, rollout.members)
        if rollout.phase == Phase.DONE:
            settle_on(database, rollout.release)


def add(database: Database, rollout: Rollout, now: float) -> None:
    """Keep a rollout that begins."""
    with database.transaction():
        number = database.run(
            "INSERT INTO rollout (release, state, began_at, looked_at) VALUES (?, ?, ?, ?)",
            *(rollout.release, _encode(rollout), now, now),
        )
        _save_members(database, number, {}, rollout.members)


def _save_members(database: Database, rollout: int, before: Mapping[int, Member], after: Mapping[int, Member]) -> None:
    changed = [(device, member) for device, member in after.items() if before.get(device) != member]
    there = {row["id"] for row in database.all("SELECT id FROM device")} if changed else set()
    database.many(
        "INSERT OR REPLACE INTO rollout_member VALUES (?, ?, ?)",
        [(rollout, device, msgspec.json.encode(member).decode()) for device, member in changed if device in there],
    )


def governs(kept: Kept | None, newest: int | None) -> bool:
    """Tell whether a rollout decides who runs the latest release."""
    return kept is not None and kept.rollout.release == newest and kept.rollout.phase != Phase.REPLACED


def newest(database: Database) -> int | None:
    """Return the latest release."""
    row = database.one(NEWEST)
    return row["id"] if row else None


def is_newer(database: Database, one: int, than: int) -> bool:
    """Tell whether a release began after another one."""
    began = "(SELECT started_at, id FROM release WHERE id = ?)"
    row = database.one(f"SELECT {began} > {began}", one, than)
    return bool(row and row[0])


def _valid(database: Database, number: int) -> int:
    """Return a release, or in place of an invalidated one the last good one before it, if there is one."""
    row = database.one("SELECT is_invalidated, started_at FROM release WHERE id = ?", number)
    if row is None or not row["is_invalidated"]:
        return number
    older = NEWEST.replace("ORDER", "AND (started_at, id) < (?, ?) ORDER")
    found = database.one(older, row["started_at"], number)
    return found["id"] if found else number


def _following(database: Database) -> sqlite3.Row:
    row = database.one("SELECT policy, settled_release FROM following")
    assert row is not None
    return row


def _encode(rollout: Rollout) -> str:
    return msgspec.json.encode(msgspec.structs.replace(rollout, members={})).decode()


def _decode(state: str, members: list[Any]) -> Rollout:
    read = {row["device"]: msgspec.json.decode(row["state"], type=Member) for row in members}
    return msgspec.structs.replace(msgspec.json.decode(state, type=Rollout), members=read)
