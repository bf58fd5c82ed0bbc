"""Let a new release reach some devices first, and see how that goes."""

import argparse
from typing import Any

from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json, block, table, width
from picket_fleet.people import rollout
from picket_fleet.people.session import Session
from picket_fleet.people.wording import span
from picket_fleet.releases import policy as policies
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import rollout_view, rollouts


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add rollout, and rollout policy, continue, halt and undo."""
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--json", action="store_true", help="for programs")
    shown = commands.add_parser("rollout", help="how far a release is rolled out", parents=[folder, asked])
    shown.set_defaults(run=_show)
    what = shown.add_subparsers(dest="operation", metavar="WHAT")
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
        print(f"nothing is rolled out; {rollout.said(rollouts.policy(session.database))}")
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
    given = {name: getattr(arguments, name) or "" for name in ("canary", "soak", "waves", "patience")}
    if arguments.off or any(given.values()):
        print(rollout.rollout_policy(session, **given, off=arguments.off))
    else:
        print(rollout.policy_in_words(session.database))


def _continue(session: Session, _arguments: argparse.Namespace) -> None:
    print(rollout.rollout_continue(session))


def _halt(session: Session, _arguments: argparse.Namespace) -> None:
    print(rollout.rollout_halt(session))


def _undo(session: Session, _arguments: argparse.Namespace) -> None:
    print(rollout.rollout_undo(session))


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
