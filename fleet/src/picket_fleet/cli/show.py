"""Show devices and releases."""

import argparse
from datetime import datetime
from typing import Any

from picket_fleet.cli.rollout import headline
from picket_fleet.cli.subcommands import Commands
from picket_fleet.cli.tables import as_json, block, table, width
from picket_fleet.people import names, views
from picket_fleet.people.session import Session
from picket_fleet.people.wording import ago, moment, size
from picket_fleet.releases.rollout import Phase
from picket_fleet.store import devices, rollout_view


def add(commands: Commands, folder: argparse.ArgumentParser) -> None:
    """Add devices, device, releases and release."""
    asked = argparse.ArgumentParser(add_help=False)
    asked.add_argument("--json", action="store_true", help="for programs")
    parents = [folder, asked]
    commands.add_parser("devices", help="all devices", parents=parents).set_defaults(run=_devices)
    device = commands.add_parser("device", help="a device in full; on a device: the agent", parents=parents)
    device.add_argument("device", metavar="DEVICE")
    device.set_defaults(run=_device)
    commands.add_parser("releases", help="all releases", parents=parents).set_defaults(run=_releases)
    release = commands.add_parser("release", help="a release in full", parents=parents)
    release.add_argument("release", metavar="RELEASE")
    release.set_defaults(run=_release)


def _devices(session: Session, arguments: argparse.Namespace) -> None:
    rolling = rollout_view.view(session.database)
    members = {one["uuid"]: one for one in (rolling["rollout"] or {}).get("devices", ())}
    every = [
        {**views.device(session.database, device, session.now), "rollout": _member(members.get(device.uuid))}
        for device in devices.everyone(session.database)
    ]
    if arguments.json:
        print(as_json(every))
    elif not every:
        print("no device has joined yet ('fleet join NAME' says how)")
    else:
        rows = [
            [view["name"], _state(view), _version(view["release"]), _target(view), _ago(view["seen_at"], session.now)]
            for view in every
        ]
        print(table(["NAME", "STATE", "RELEASE", "TARGET", "SEEN"], rows, width()))
        if rolling["rollout"] and rolling["rollout"]["phase"] != Phase.DONE:
            print(f"\nrollout: {headline(rolling)} ('fleet rollout')")


def _member(one: views.View | None) -> views.View | None:
    """Return how a device is doing in the rollout, None for one that is in none."""
    return {name: one[name] for name in ("stage", "state", "why")} if one else None


def _device(session: Session, arguments: argparse.Namespace) -> None:
    one = names.device(session.database, arguments.device)
    view = views.device_in_full(session.database, one, session.now)
    if arguments.json:
        print(as_json(view))
        return
    print(view["name"])
    print(
        block(
            [
                (
                    "  state",
                    f"{_state(view)}, seen {_ago(view['seen_at'], session.now)}" if one.seen_at else "not seen yet",
                ),
                ("  release", _version(view["release"], with_commit=True)),
                ("  target", _target(view, with_commit=True)),
                ("  reason", view["reason"]),
                *_metrics(view["metrics"]),
                ("  type", view["device_type"]),
                ("  uuid", view["uuid"]),
                ("  joined", moment(one.registered_at)),
                ("  tags", ", ".join(f"{name}={value}" for name, value in sorted(view["tags"].items()))),
            ]
        )
    )
    services = [[s["service"], s["state"], s["release"]] for s in view["services"]]
    known = [[v["name"], v["service"] or "all", v["of"]] for v in view["variables"]]
    for header, rows in ((["SERVICE", "STATE", "RELEASE"], services), (["VARIABLE", "SERVICE", "OF"], known)):
        if rows:
            print(f"\n{table(header, rows, width())}")


def _releases(session: Session, arguments: argparse.Namespace) -> None:
    every = views.all_releases(session.home, session.database)
    if arguments.json:
        print(as_json(every))
    elif not every:
        print(f"nothing was pushed yet ('git remote add fleet {session.home.repository}', then 'git push fleet main')")
    else:
        rows = [
            [
                view["version"],
                view["commit"][:7],
                _standing(view),
                str(len(view["devices"]) or ""),
                size(view["bytes"]),
                _ago(view["began_at"], session.now),
                view["note"],
            ]
            for view in every
        ]
        print(table(["VERSION", "COMMIT", "STATE", "DEVICES", "SIZE", "BEGAN", "NOTE"], rows, width()))


def _release(session: Session, arguments: argparse.Namespace) -> None:
    one = names.release(session.database, arguments.release)
    view = views.release_in_full(session.home, session.database, one)
    if arguments.json:
        print(as_json(view))
        return
    print(view["version"])
    took = f", took {one.ended_at - one.started_at:.0f} s" if one.ended_at else ""
    print(
        block(
            [
                ("  state", _standing(view)),
                ("  commit", view["commit"]),
                ("  began", f"{moment(one.started_at)}{took}"),
                ("  size", size(view["bytes"]) if view["bytes"] else ""),
                ("  deltas", ", ".join(f"{size(length)} from {base}" for base, length in view["deltas"].items())),
                ("  devices", ", ".join(view["devices"])),
                ("  pinned by", ", ".join(view["pinned_by"])),
                ("  tags", ", ".join(f"{name}={value}" for name, value in sorted(view["tags"].items()))),
                ("  note", view["note"]),
            ]
        )
    )
    if view["images"]:
        print(
            f"\n{table(['SERVICE', 'IMAGE'], [[name, image[:12]] for name, image in view['images'].items()], width())}"
        )


def _state(view: views.View) -> str:
    """Say how a device is; where it is on its way to another release, say how far."""
    is_on_its_way = view["state"] == "online" or view["update"] not in ("", views.WAITING)
    return f"{view['state']}, {view['update']}" if view["update"] and is_on_its_way else str(view["state"])


def _version(named: Any, *, with_commit: bool = False) -> str:
    if named is None:
        return "-"
    commit = named["commit"][:7]
    return f"{named['version']} ({commit})" if with_commit and named["version"] else named["version"] or commit


def _target(view: views.View, *, with_commit: bool = False) -> str:
    return _version(view["target"], with_commit=with_commit) + (" pinned" if view["is_pinned"] else "")


def _standing(view: views.View) -> str:
    marks = [mark for mark, holds in (("latest", view["is_latest"]), ("pinned", view["is_pinned"])) if holds]
    return ", ".join([view["state"], *marks])


def _ago(time: str | None, now: float) -> str:
    return ago(datetime.fromisoformat(time).timestamp() if time else None, now)


def _metrics(said: views.View) -> list[tuple[str, str]]:
    """Say in words what a device measured of itself; memory and storage are in MB, as balena's supervisor has them."""
    processor = [f"{said['cpu_usage']} %"] if "cpu_usage" in said else []
    processor += [f"{said['cpu_temp']} °C"] if "cpu_temp" in said else []
    processor += ["undervolted"] if said.get("is_undervolted") else []
    return [
        ("  processor", ", ".join(processor)),
        *(
            (f"  {what}", f"{said[f'{what}_usage']} of {said.get(f'{what}_total', '?')} MB")
            for what in ("memory", "storage")
            if f"{what}_usage" in said
        ),
        ("  address", str(said.get("ip_address", ""))),
        ("  system", str(said.get("os_version", ""))),
        ("  agent", str(said.get("supervisor_version", ""))),
    ]
