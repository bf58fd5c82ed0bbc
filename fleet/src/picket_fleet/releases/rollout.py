"""A rollout: which device gets the new release when, and when it is taken back; pure, time is handed in.

    rolling ──every device of the stage is good──► rolling, next stage … ──after the last──► done
       │ ├──one is bad──────────────────────────► taken back: all of them are to run the release before
       │ └──patience is over, or a person says so► halted: who has the release keeps it, nobody else gets it
    halted ──one is bad──► taken back            halted, taken back ──a person says so──► rolling

Its time is the seconds for which somebody watched: a server that is away, or a clock that jumps, lets none pass. A
device is judged (picket_fleet.releases.judging) from when it is to have the release until the end of the rollout, also
where its stage has passed. Who was offline from the beginning holds up no wave, but always the canaries.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from picket_fleet.errors import FleetError
from picket_fleet.releases.judging import Member, Seen, State, complaints, judge, unknown
from picket_fleet.releases.policy import Policy


class Phase(StrEnum):
    """Where a rollout stands."""

    ROLLING = "rolling"
    HALTED = "halted"
    TAKEN_BACK = "taken back"
    DONE = "done"
    REPLACED = "replaced"  # another release is followed by now


class Rollout(msgspec.Struct, frozen=True):
    """A rollout of `release` onto devices that ran `base` (ids); members by the ids of devices."""

    release: int
    base: int
    policy: Policy
    members: dict[int, Member]
    phase: Phase = Phase.ROLLING
    stage: int = 0
    clock_seconds: float = 0.0
    stage_began: float = 0.0
    reason: str = ""
    by_hand: bool = False  # a person halted it

    @property
    def is_judged(self) -> bool:
        """Tell whether devices are looked at: also where it is halted for lack of some of them, but by no person."""
        return self.phase == Phase.ROLLING or (self.phase == Phase.HALTED and not self.by_hand)


def begin(
    release: int,
    base: int,
    policy: Policy,
    stages: Mapping[int, int],
    seen: Mapping[int, Seen],
    keeps: Mapping[int, int],
) -> Rollout:
    """Return a rollout whose first stage has just begun; who has one of another rollout `keeps` it until then."""
    members = {device: Member(stage, keeps.get(device)) for device, stage in stages.items()}
    return _enter(Rollout(release, base, policy, members), 0, seen)


def target(rollout: Rollout, device: int | None) -> int:
    """Return the release that a device without a pin is to run; None is one that nobody knows yet."""
    if rollout.phase == Phase.DONE:
        return rollout.release
    member = rollout.members.get(device) if device is not None else None
    if rollout.phase == Phase.TAKEN_BACK or member is None:
        return rollout.base
    if member.stage <= rollout.stage:
        return rollout.release
    return member.keeps or rollout.base


def step(rollout: Rollout, seen: Mapping[int, Seen], passed_seconds: float, names: Mapping[int, str]) -> Rollout:
    """Return the rollout after some time, by what is seen of all devices then."""
    if not rollout.is_judged:
        return rollout
    clock = rollout.clock_seconds + passed_seconds
    newcomer = Member(rollout.policy.last_stage)
    members = {device: rollout.members.get(device, newcomer) for device in seen}
    rollout = replace(rollout, clock_seconds=clock, members=members)
    fresh = {device for device, member in members.items() if member is newcomer and newcomer.stage <= rollout.stage}
    rollout = _mark(rollout, fresh, seen)
    judged = {
        device: judge(member, seen[device], clock, rollout.policy) if member.stage <= rollout.stage else member
        for device, member in rollout.members.items()
    }
    return _go_on(replace(rollout, members=judged), seen, names)


def resume(rollout: Rollout, seen: Mapping[int, Seen]) -> Rollout:
    """Go on because a person says so: with the stage that a person halted, else with the one after this."""
    if rollout.phase not in (Phase.ROLLING, Phase.HALTED, Phase.TAKEN_BACK):
        raise FleetError(f"the rollout is {rollout.phase}: there is nothing to continue")
    again = replace(rollout, phase=Phase.ROLLING, reason="", by_hand=False)
    if rollout.by_hand:
        again = replace(again, stage_began=rollout.clock_seconds)
        begun = [device for device, member in again.members.items() if member.stage <= again.stage]
        return again if rollout.phase == Phase.HALTED else _mark(again, begun, seen)
    overruled = replace(again, members={d: _overrule(m, rollout) for d, m in rollout.members.items()})
    return _enter(overruled, rollout.stage + 1, seen)


def halt(rollout: Rollout, *, undo: bool = False) -> Rollout:
    """Halt because a person says so; `undo`: and take it back from who has it."""
    allowed = (Phase.ROLLING, Phase.HALTED) if undo else (Phase.ROLLING,)
    if rollout.phase not in allowed:
        raise FleetError(f"the rollout is {rollout.phase}: there is nothing to {'undo' if undo else 'halt'}")
    phase = Phase.TAKEN_BACK if undo else Phase.HALTED
    return replace(rollout, phase=phase, reason="by hand", by_hand=True)


def _go_on(rollout: Rollout, seen: Mapping[int, Seen], names: Mapping[int, str]) -> Rollout:
    """Stop, or go to the next stage, where that is due."""
    bad = [device for device, member in rollout.members.items() if member.state == State.BAD]
    if bad:
        return replace(rollout, phase=Phase.TAKEN_BACK, reason=_told(rollout, bad, names))
    while rollout.phase == Phase.ROLLING:
        awaited = _awaited(rollout)
        if not awaited and rollout.stage == 0 and any(not one.is_pinned for one in seen.values()):
            reason = f"nobody to judge by: no device is a canary ({rollout.policy.canary})"
            return replace(rollout, phase=Phase.HALTED, reason=reason)
        late = [d for d in awaited if rollout.members[d].state not in (State.GOOD, State.SOAKING)]
        if all(rollout.members[device].state == State.GOOD for device in awaited):
            rollout = _enter(rollout, rollout.stage + 1, seen)
        elif late and rollout.clock_seconds - rollout.stage_began >= rollout.policy.patience_seconds:
            reason = f"nobody to judge by: {_told(rollout, late, names)}"
            return replace(rollout, phase=Phase.HALTED, reason=reason)
        else:
            break
    return rollout


def _awaited(rollout: Rollout) -> list[int]:
    """Return the devices that the stage waits for."""
    return [
        device
        for device, member in rollout.members.items()
        if member.stage == rollout.stage
        and member.state not in (State.PINNED, State.OVERRULED)
        and (rollout.stage == 0 or member.was_online)
    ]


def _enter(rollout: Rollout, stage: int, seen: Mapping[int, Seen]) -> Rollout:
    """Begin a stage, or end the rollout after the last one."""
    if stage > rollout.policy.last_stage:
        return replace(rollout, phase=Phase.DONE)
    begun = replace(rollout, stage=stage, stage_began=rollout.clock_seconds)
    return _mark(begun, [d for d, m in begun.members.items() if m.stage == stage], seen)


def _mark(rollout: Rollout, devices: Collection[int], seen: Mapping[int, Seen]) -> Rollout:
    """Note how devices are that are to have the release from now on: what is so already is not its fault."""
    marked = {}
    for device in devices:
        now = seen.get(device, Seen(is_online=False))
        state = State.PINNED if now.is_pinned else State.UPDATING if now.is_online else State.OFFLINE
        marked[device] = replace(
            unknown(rollout.members[device], state),
            was_online=now.is_online,
            faults_before=tuple(sorted(complaints(now))),
            rejected_before=now.rejected,
        )
    return replace(rollout, members={**rollout.members, **marked})


def _overrule(member: Member, rollout: Rollout) -> Member:
    """Return a member whose judgement a person did not wait for, or that begins anew."""
    if member.stage > rollout.stage or member.state == State.PINNED:
        return member
    if member.state == State.GOOD:
        return member if rollout.phase != Phase.TAKEN_BACK else unknown(member, State.UPDATING)
    return unknown(member, State.OVERRULED, member.why or str(member.state))


def _told(rollout: Rollout, devices: Collection[int], names: Mapping[int, str]) -> str:
    """Say in words how devices are."""
    said = []
    for device in sorted(devices, key=lambda one: names.get(one, "")):
        member = rollout.members[device]
        said.append(f"{names.get(device, device)}: {member.why or member.state}")
    more = f" and {len(said) - 3} more" if len(said) > 3 else ""
    return f"{'; '.join(said[:3])}{more}"
