"""Let a new release reach some devices first, and see how that goes."""

import argparse
from typing import Any

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json, block, table, width
from picket_fleet.errors import FleetError
from picket_fleet.people import steering
from picket_fleet.people.session import Session
from picket_fleet.people.wording import span
from picket_fleet.releases import policy as policies
from picket_fleet.releases.policy import Policy
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import devices, rollout_view, rollouts

AT_ONCE = "a new release is for everybody at once"


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add rollout, and rollout policy, continue, halt and undo."""
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--json", action="store_true", help="for programs")
    rollout = commands.add_parser("rollout", help="how far a release is rolled out", parents=[folder, asked])
    rollout.set_defaults(run=_show)
    what = rollout.add_subparsers(dest="operation", metavar="WHAT")
    policy = what.add_parser("policy", help="canaries first, then waves; without options: what it is", parents=[folder])
    policy.add_argument("--canary", metavar="tag:NAME=VALUE|share:10%", help="who gets a release first")
    policy.add_argument("--soak", metavar="10m", help="how long devices have to be well (10m)")
    policy.add_argument("--waves", metavar="25%,100%", help="how many have it after each wave (100%%)")
    policy.add_argument("--patience", metavar="1h", help="how long a stage waits for who is offline (1h)")
    policy.add_argument("--off", action="store_true", help="everybody at once, from the next release on")
    policy.set_defaults(run=_policy)
    for name, run, help_ in (
        ("continue", _continue, "go on after a halt; or now, whatever the devices say"),
        ("halt", _halt, "nobody else gets the release; who has it keeps it"),
        ("undo", _undo, "everybody is to run the release before"),
    ):
        what.add_parser(name, help=help_, parents=[folder]).set_defaults(run=run)


def _show(session: Session, arguments: argparse.Namespace) -> None:
    view = rollout_view.view(session.database)
    if arguments.json:
        print(as_json(view))
        return
    found = view["rollout"]
    if found is None:
        print(f"nothing is rolled out; {_said(rollouts.policy(session.database))}")
        return
    print(headline(view))
    rows = [
        [found["stages"][one["stage"]]["name"], one["name"], one["state"], one["target"]["version"], _why(one, found)]
        for one in found["devices"]
    ]
    if rows:
        print(f"\n{table(['STAGE', 'DEVICE', 'STATE', 'TARGET', 'WHY'], rows, width())}")
    if hints := _hints(found):
        print(f"\n{block(hints)}")


def _policy(session: Session, arguments: argparse.Namespace) -> None:
    given = {name: getattr(arguments, name) for name in ("canary", "soak", "waves", "patience")}
    before = rollouts.policy(session.database)
    if arguments.off:
        if any(given.values()):
            raise FleetError("--off goes without other options")
        rollouts.set_policy(session.database, None)
    elif any(given.values()):
        canary = given["canary"] or (before.canary if before else None)
        if canary is None:
            raise FleetError("say who gets a release first: --canary tag:NAME=VALUE, or --canary share:10%")
        asked = before or Policy(canary)
        wanted = Policy(
            canary,
            policies.seconds(given["soak"]) if given["soak"] else asked.soak_seconds,
            policies.percentages(given["waves"]) if given["waves"] else asked.waves,
            policies.seconds(given["patience"]) if given["patience"] else asked.patience_seconds,
        )
        rollouts.set_policy(session.database, wanted)
    now = rollouts.policy(session.database)
    print(_said(now))
    if now and not arguments.off and (warning := _nobody(session, now)):
        print(warning)


def _continue(session: Session, _arguments: argparse.Namespace) -> None:
    print(steering.rollout_continue(session))


def _halt(session: Session, _arguments: argparse.Namespace) -> None:
    print(steering.rollout_halt(session))


def _undo(session: Session, _arguments: argparse.Namespace) -> None:
    print(steering.rollout_undo(session))


def headline(view: dict[str, Any]) -> str:
    """Say in one line where a rollout stands; "" where there is none."""
    found = view["rollout"]
    if found is None:
        return ""
    stage = found["stages"][found["stage"]]
    text = f"{found['release']['version']} over {found['base']['version']}: {found['phase']}"
    if found["phase"] == Phase.DONE:
        return text
    text += f", {stage['name']} ({stage['good']} of {stage['devices']} good)"
    return f"{text}: {found['reason']}" if found["reason"] else text


def _why(device: dict[str, Any], found: dict[str, Any]) -> str:
    if device["state"] == "soaking" and not device["why"]:
        return f"well for {span(device['soaked_seconds'])} of {policies.duration(found['policy']['soak_seconds'])}"
    return str(device["why"])


def _hints(found: dict[str, Any]) -> list[tuple[str, str]]:
    if found["phase"] == Phase.DONE:
        return []
    proceed = "with this stage again" if found["by_hand"] else "with the next stage, whatever these say"
    hints = [("fleet rollout continue", f"goes on {proceed}")]
    if found["phase"] == Phase.ROLLING:
        hints.append(("fleet rollout halt", "nobody else gets it"))
    if found["phase"] != Phase.TAKEN_BACK:
        hints.append(("fleet rollout undo", f"everybody is to run {found['base']['version']}"))
    return hints


def _said(policy: Policy | None) -> str:
    if policy is None:
        return AT_ONCE
    waves = ", ".join(policy.stage_name(stage) for stage in range(1, policy.last_stage + 1))
    soak, patience = policies.duration(policy.soak_seconds), policies.duration(policy.patience_seconds)
    times = f"each well for {soak}, waiting up to {patience}"
    return f"a new release is for {policy.canary} first, then {waves}; {times}"


def _nobody(session: Session, policy: Policy) -> str:
    kind, _, tag = policy.canary.partition(":")
    name, _, value = tag.partition("=")
    every = devices.everyone(session.database)
    if kind != "tag" or any(devices.tags(session.database, device.id).get(name) == value for device in every):
        return ""
    return f"no device is tagged so: 'fleet tag DEVICE {tag}' makes it a canary"
