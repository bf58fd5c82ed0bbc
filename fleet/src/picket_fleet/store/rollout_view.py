"""What there is to see of a rollout, as plain data: what `fleet rollout --json` prints, and pages are made of."""

from datetime import UTC, datetime
from typing import Any

from picket_fleet.releases.judging import Member, State
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase, Rollout
from picket_fleet.store import releases, rollouts
from picket_fleet.store.database import Database

VERSION = "picket_version"


def view(database: Database) -> dict[str, Any]:
    """Return the policy, and the rollout by which devices without a pin of their own get the latest release.

    {"policy": null | {"canary": "tag:canary=yes" | "share:10%", "soak_seconds": 600.0, "waves": [25.0, 100.0],
                       "patience_seconds": 3600.0},           null: everybody gets a new release at once
     "rollout": null | {                                      null: there is none, or the fleet is pinned
        "release": {"version", "commit"},                     what is rolled out
        "base": {"version", "commit"},                        what everybody ran before, and is taken back to
        "phase": "rolling" | "halted" | "taken back" | "done",
        "reason": "",                                         why it is halted or taken back, in words
        "by_hand": false,                                     a person halted it or took it back
        "policy": as above,                                   by which it goes
        "stage": 0,                                           index into `stages`
        "stages": [{"name": "canaries" | "25 %", "devices": 2, "good": 1}],
        "began_at", "ended_at": null | ISO 8601 in UTC,       ended: not rolling any more
        "devices": [{                                         by stage and name
            "name", "uuid", "stage": 0,
            "state": "waiting" | "offline" | "updating" | "soaking" | "unwell" | "good" | "bad" | "pinned"
                     | "overruled" (a person did not wait for it) | "going back" | "back" (of one taken back),
            "why": "",                                        in words
            "target": {"version", "commit"},                  what it is to run by this rollout (a pin counts more)
            "soaked_seconds": 0.0,                            for how long it has been well, without a break
            "picket_health", "picket_version": null | text}]}}

    After the end of a rollout its devices' states are those that they had then.
    """
    policy, kept = rollouts.policy(database), rollouts.governing(database)
    found = None
    if kept:
        began_at, ended_at = _time(kept.began_at), _time(kept.ended_at)
        found = {**_rollout(database, kept.rollout), "began_at": began_at, "ended_at": ended_at}
    return {"policy": _policy(policy) if policy else None, "rollout": found}


def _policy(policy: Policy) -> dict[str, Any]:
    return {
        "canary": policy.canary,
        "soak_seconds": policy.soak_seconds,
        "waves": list(policy.waves),
        "patience_seconds": policy.patience_seconds,
    }


def _rollout(database: Database, rollout: Rollout) -> dict[str, Any]:
    named = {
        number: {"version": release.version, "commit": release.commit_id}
        for number in {rollout.release, rollout.base, *(m.keeps for m in rollout.members.values() if m.keeps)}
        if (release := releases.get(database, number))
    }
    tags: dict[int, dict[str, str]] = {}
    for row in database.all("SELECT * FROM device_tag WHERE name IN (?, ?)", rollouts.HEALTH, VERSION):
        tags.setdefault(row["device"], {})[row["name"]] = row["value"]
    devices = [
        {
            "name": row["name"],
            "uuid": row["uuid"],
            "stage": member.stage,
            **_state(rollout, member, row["running"] == named[rollout.base]["commit"]),
            "target": named[rollouts.target_of(database, rollout, row["id"])],
            rollouts.HEALTH: tags.get(row["id"], {}).get(rollouts.HEALTH),
            VERSION: tags.get(row["id"], {}).get(VERSION),
        }
        for row in database.all("SELECT id, name, uuid, running FROM device ORDER BY name")
        if (member := rollout.members.get(row["id"]))
    ]
    names = [rollout.policy.stage_name(stage) for stage in range(rollout.policy.last_stage + 1)]
    return {
        "release": named[rollout.release],
        "base": named[rollout.base],
        "phase": str(rollout.phase),
        "reason": rollout.reason,
        "by_hand": rollout.by_hand,
        "policy": _policy(rollout.policy),
        "stage": rollout.stage,
        "stages": [
            {
                "name": name,
                "devices": sum(one["stage"] == stage for one in devices),
                "good": sum(one["stage"] == stage and one["state"] == State.GOOD for one in devices),
            }
            for stage, name in enumerate(names)
        ],
        "devices": sorted(devices, key=lambda one: (one["stage"], one["name"])),
    }


def _state(rollout: Rollout, member: Member, is_on_base: bool) -> dict[str, Any]:
    had_it = member.stage <= rollout.stage and member.state != State.PINNED
    if rollout.phase == Phase.TAKEN_BACK and had_it:
        return {"state": "back" if is_on_base else "going back", "why": member.why, "soaked_seconds": 0.0}
    soaked = 0.0 if member.well_since is None else rollout.clock_seconds - member.well_since
    return {"state": str(member.state), "why": member.why, "soaked_seconds": round(soaked, 1)}


def _time(time: float | None) -> str | None:
    return None if time is None else datetime.fromtimestamp(time, UTC).isoformat(timespec="seconds")
