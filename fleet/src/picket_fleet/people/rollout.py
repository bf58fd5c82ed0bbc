"""What people decide of how a new release reaches the devices, in words: who gets it first, and what becomes of it.

The policy is given and told as texts: `tag:canary=yes`, `10m`, `25%,100%` (picket_fleet.releases.policy). An error
begins with the name of what it is about, so that it can be shown there.
"""

from collections.abc import Callable
from typing import TypeVar

from picket_fleet.errors import FleetError
from picket_fleet.people.session import Session
from picket_fleet.releases import policy as policies
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase, Rollout
from picket_fleet.store import releases, rolling, rollouts
from picket_fleet.store.database import Database

AT_ONCE = "a new release is for everybody at once"
Value = TypeVar("Value")


def rollout_policy(
    session: Session, canary: str = "", soak: str = "", waves: str = "", patience: str = "", off: bool = False
) -> str:
    """Set by what policy the releases to come are rolled out; what is "" stays as it was. `off`: by none."""
    if off and any((canary, soak, waves, patience)):
        raise FleetError("--off goes without other options")
    wanted = None
    if not off:
        before = rollouts.policy(session.database)
        first = _read("canary", Policy, canary) if canary else before
        if first is None:
            raise FleetError("canary: say who gets a release first: --canary tag:NAME=VALUE, or --canary share:10%")
        asked = before or first
        wanted = Policy(
            first.canary,
            _read("soak", policies.seconds, soak) if soak else asked.soak_seconds,
            _read("waves", policies.percentages, waves) if waves else asked.waves,
            _read("patience", policies.seconds, patience) if patience else asked.patience_seconds,
        )
    rollouts.set_policy(session.database, wanted)
    return policy_in_words(session.database)


def policy_in_words(database: Database) -> str:
    """Say who gets a new release first, and what is wrong with that."""
    policy = rollouts.policy(database)
    return "\n".join([said(policy), *([_nobody(policy)] if policy and not _has_canaries(database, policy) else [])])


def policy_as_given(policy: Policy | None) -> dict[str, str]:
    """Return the policy as `rollout_policy` would set it; without one, what goes with the canaries of a first one."""
    asked = policy or Policy("share:10%")
    return {
        "canary": policy.canary if policy else "",
        "soak": policies.duration(asked.soak_seconds),
        "waves": ",".join(f"{share:g}%" for share in asked.waves),
        "patience": policies.duration(asked.patience_seconds),
    }


def said(policy: Policy | None) -> str:
    """Say who gets a new release first."""
    if policy is None:
        return AT_ONCE
    waves = ", ".join(policy.stage_name(stage) for stage in range(1, policy.last_stage + 1))
    soak, patience = policies.duration(policy.soak_seconds), policies.duration(policy.patience_seconds)
    times = f"each well for {soak}, waiting up to {patience}"
    return f"a new release is for {policy.canary} first, then {waves}; {times}"


def rollout_continue(session: Session) -> str:
    """Let a rollout go on after a halt; or now, whatever the devices say."""
    after = rolling.resume(session.database, session.now)
    stage = after.policy.stage_name(after.stage)
    return _rolled(session, after, "is for everybody now" if after.phase == Phase.DONE else f"is rolled out: {stage}")


def rollout_halt(session: Session) -> str:
    """Let nobody else get the release that is rolled out."""
    after = rolling.halt(session.database, session.now)
    return _rolled(session, after, "goes to nobody else; who has it keeps it")


def rollout_undo(session: Session) -> str:
    """Have everybody run the release before the one that is rolled out."""
    after = rolling.halt(session.database, session.now, undo=True)
    base = releases.get(session.database, after.base).version
    return _rolled(session, after, f"is taken back: everybody is to run {base}")


def _read(name: str, read: Callable[[str], Value], text: str) -> Value:
    try:
        return read(text)
    except FleetError as error:
        raise FleetError(f"{name}: {str(error).removeprefix(f'{name}: ')}") from None


def _has_canaries(database: Database, policy: Policy) -> bool:
    kind, _, tag = policy.canary.partition(":")
    name, _, value = tag.partition("=")
    found = "SELECT 1 FROM device_tag WHERE name = ? AND value = ?"
    return kind != "tag" or database.one(found, name, value) is not None


def _nobody(policy: Policy) -> str:
    return f"no device is tagged so: 'fleet tag DEVICE {policy.canary.partition(':')[2]}' makes it a canary"


def _rolled(session: Session, after: Rollout, what: str) -> str:
    return f"{releases.get(session.database, after.release).version} {what}"
