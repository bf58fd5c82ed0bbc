"""What a push asks for, by balena's rules; pure.

main, master         build a release; both are the fleet
balena-nocache       builds one without the builder's cache
balena-emulated      builds one for devices with another processor: that is done here whenever it is needed
tags                 are kept, and build nothing; so does what is deleted
anything else        is refused: this is where releases are built, no place to keep branches

Options (git push -o): `draft` for a release that devices do not follow, `note=TEXT`, and `watch` to be told how it is
rolled out (picket_fleet.remote.watch).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from picket_fleet.build.errors import RefusedError
from picket_fleet.build.release import Order

BRANCHES = ("main", "master", "balena-nocache", "balena-emulated")
WATCH = "watch"
UNCACHED = "balena-nocache"


class Update(NamedTuple):
    """A ref that is to change, from one object to another; zeros are none."""

    old: str
    new: str
    ref: str


class Push(NamedTuple):
    """What is to be built, and the update that it comes from."""

    update: Update
    order: Order


def updates_of(lines: Iterable[str]) -> list[Update]:
    """Read what git gives the hook."""
    return [Update(*line.split()) for line in lines]


def options_of(environment: Mapping[str, str]) -> list[str]:
    """Read the options of a push, which git gives the hook in its environment."""
    count = int(environment.get("GIT_PUSH_OPTION_COUNT", "0"))
    return [environment.get(f"GIT_PUSH_OPTION_{index}", "") for index in range(count)]


def decide(updates: Sequence[Update], options: Sequence[str]) -> Push | None:
    """Return what is to be built, if anything is; raises RefusedError for a push that is not taken."""
    built = []
    for update in updates:
        kind, _, name = update.ref.removeprefix("refs/").partition("/")
        if kind == "tags" or not update.new.strip("0"):
            continue
        if kind != "heads" or name not in BRANCHES:
            raise RefusedError(f"{name or update.ref}: only main or master build here (git push <fleet> {name}:main)")
        built.append(update)
    if len(built) > 1:
        raise RefusedError(f"one branch at a time: {', '.join(update.ref for update in built)}")
    draft, note = _read(options)
    if not built:
        return None
    order = Order(built[0].new, is_draft=draft, note=note, cached=not built[0].ref.endswith(f"/{UNCACHED}"))
    return Push(built[0], order)


def _read(options: Sequence[str]) -> tuple[bool, str]:
    draft, note = False, ""
    for option in options:
        name, _, value = option.partition("=")
        if option == "draft":
            draft = True
        elif name == "note":
            note = re.sub(r"[\x00-\x1f\x7f]+", " ", value).strip()
        elif option != WATCH:
            raise RefusedError(f"there is no push option {name!r}; there are draft, watch and note=TEXT")
    return draft, note
