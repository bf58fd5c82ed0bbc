"""How a device is doing with a release that it is to have; pure, time is handed in.

Bad is one whose agent went back to the release before, whose services restart over and over, or that is unwell for
GRACE_SECONDS. Unwell: a service does not run, or says that it is unhealthy, or Picket names a service that it did not
name before. Good is one that is well for the whole soak, without a break, and by a word of Picket's that is about this
release: it was said since the release runs, or, as a word that stays the same is not said again, it has not been taken
back for so long that it would have been. Of one that is offline nothing is known.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from picket_fleet.releases.policy import Policy

# Picket tells its health each minute, and notices within 15 s when a service is silent.
GRACE_SECONDS = 90.0
MOST_RESTARTS = 3  # as the agent has it: one that waits for another by giving up now and then is no failure


class State(StrEnum):
    """How a device is doing with the release."""

    WAITING = "waiting"  # for its stage
    OFFLINE = "offline"
    UPDATING = "updating"
    SOAKING = "soaking"
    UNWELL = "unwell"
    GOOD = "good"
    BAD = "bad"
    PINNED = "pinned"
    OVERRULED = "overruled"  # a person did not wait for it


class Seen(NamedTuple):
    """What is known of a device just now."""

    is_online: bool = True
    is_pinned: bool = False
    update: str = "waiting"  # how far its agent is with the release, "done" when it has found it to be good
    rejected: str = ""  # why its agent went back
    wrong: str = "not said"  # what is wrong with its services, "" when all of the release run as they should
    restarts: Mapping[str, int] = {}  # of each service, by the engine
    health: str | None = None  # Picket's own word; None where there is no Picket
    said_at: float = 0.0  # another number for each time that it was said
    is_quiet: bool = False  # who says it has not been heard for long


class Member(msgspec.Struct, frozen=True):
    """A device of a rollout; times are the rollout's own."""

    stage: int
    keeps: int | None = None  # what it runs until its stage, where that is not the rollout's base
    state: State = State.WAITING
    why: str = ""
    was_online: bool = False  # since it is to have the release
    faults_before: tuple[str, ...] = ()  # Picket's, before: not the release's fault
    rejected_before: str = ""
    up_since: float | None = None
    up_said_at: float = 0.0  # when Picket's health was said that was known then
    well_since: float | None = None
    ill_since: float | None = None
    restarts: dict[str, int] = {}  # as last seen
    crashes: dict[str, int] = {}  # since it is up


def judge(member: Member, seen: Seen, clock: float, policy: Policy) -> Member:
    """Return a member by what is seen of its device now."""
    if member.state == State.OVERRULED:
        return member
    if seen.is_pinned:
        return unknown(member, State.PINNED)
    if not seen.is_online:
        return unknown(member, State.OFFLINE)
    stale = member.rejected_before if seen.rejected == member.rejected_before else ""
    member = replace(member, was_online=True, rejected_before=stale)
    if seen.rejected and not stale:
        return replace(member, state=State.BAD, why=f"its agent went back: {seen.rejected}")
    if seen.wrong and seen.update != "done":
        return unknown(member, State.UPDATING, "" if seen.rejected or seen.update == "waiting" else seen.update)
    return _judge_running(member, seen, clock, policy)


def _judge_running(member: Member, seen: Seen, clock: float, policy: Policy) -> Member:
    """Return a member whose device has the release, and runs it as well as it can."""
    if member.up_since is None:
        member = replace(member, up_since=clock, up_said_at=seen.said_at, restarts=dict(seen.restarts), crashes={})
    new = {name: _more(member.restarts.get(name, 0), count) for name, count in seen.restarts.items()}
    crashes = {name: member.crashes.get(name, 0) + new.get(name, 0) for name in {*member.crashes, *new}}
    member = replace(member, restarts=dict(seen.restarts), crashes=crashes)
    if loops := [name for name in sorted(crashes) if crashes[name] > MOST_RESTARTS]:
        return replace(member, state=State.BAD, why=f"{', '.join(loops)}: a crash loop")
    up_seconds = clock - (member.up_since or 0.0)
    is_current = seen.said_at != member.up_said_at or up_seconds >= GRACE_SECONDS
    worse = sorted(complaints(seen) - set(member.faults_before)) if is_current else []
    if ill := seen.wrong or ", ".join(worse):
        since = clock if member.ill_since is None else member.ill_since
        is_over = clock - since >= min(GRACE_SECONDS, policy.soak_seconds)
        state = State.BAD if is_over else State.UNWELL
        return replace(member, state=state, why=ill, ill_since=since, well_since=None)
    if any(new.values()) or seen.update != "done":
        crashed = ", ".join(sorted(name for name, count in new.items() if count))
        why = f"{crashed}: ended, and was restarted" if crashed else seen.update
        state = State.SOAKING if seen.update == "done" else State.UPDATING
        return replace(member, state=state, why=why, well_since=None, ill_since=None)
    since = clock if member.well_since is None else member.well_since
    is_good = clock - since >= policy.soak_seconds and (seen.health is None or is_current)
    return replace(member, state=State.GOOD if is_good else State.SOAKING, why="", well_since=since, ill_since=None)


def complaints(seen: Seen) -> frozenset[str]:
    """Return what is not well with Picket; that it says nothing at all is so where it has said something before."""
    quiet = {"Picket is not heard"} if seen.is_quiet and seen.health is not None else set()
    return faults(seen.health) | quiet


def _more(before: int, now: int) -> int:
    """Return by how much a count has grown; it begins anew with another container."""
    return now - before if now >= before else now


def unknown(member: Member, state: State, why: str = "") -> Member:
    """Return a member of which nothing can be said: what was seen of it before counts no more."""
    return replace(member, state=state, why=why, up_since=None, well_since=None, ill_since=None)


def faults(health: str | None) -> frozenset[str]:
    """Return what Picket says is not well: {"degraded relay", "silent hub"} for "silent: hub; degraded: relay"."""
    if health in (None, "", "ok"):
        return frozenset()
    found = set()
    for part in str(health).split(";"):
        state, _, names = part.partition(":")
        found |= {f"{state.strip()} {name.strip()}".strip() for name in names.split(",")}
    return frozenset(found)
