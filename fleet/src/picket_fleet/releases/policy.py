"""How releases are rolled out: canaries first, then waves, each gated by how its devices are; pure.

`canary`: tag:canary=yes    the devices with that tag (one that is pinned is none)
          share:10%         so many of all, at least one
`soak`:   how long each device of a stage has to be well, without a break
`waves`:  so many of all have the release after each of them, canaries included; the last is 100 %
`patience`: how long a stage waits for devices of which nothing can be said; then the rollout halts
"""

import itertools
import math
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import msgspec

from picket_fleet.errors import FleetError

UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}


class Policy(msgspec.Struct, frozen=True):
    """The fleet's wish; stage 0 are the canaries, stage 1 is the first wave. Raises FleetError for nonsense."""

    canary: str
    soak_seconds: float = 600.0
    waves: tuple[float, ...] = (100.0,)  # percent of all
    patience_seconds: float = 3600.0

    def __post_init__(self) -> None:
        """Refuse what can't be followed."""
        _canary(self.canary)
        shares = (0.0, *self.waves)
        if shares[-1] != 100 or any(not less < more for less, more in itertools.pairwise(shares)):
            raise FleetError("waves: expected growing percentages up to 100, like 25%,100%")

    @property
    def last_stage(self) -> int:
        """Return the stage in which everybody gets it."""
        return len(self.waves)

    def stage_name(self, stage: int) -> str:
        """Say in words which stage this is."""
        return "canaries" if stage == 0 else f"{self.waves[stage - 1]:g} %"


class Candidate(NamedTuple):
    """A device that is to get a release."""

    id: int
    uuid: str
    tags: Mapping[str, str]
    is_online: bool
    is_ahead: bool  # of others: it has a release of a rollout that this one replaces


def stages(policy: Policy, candidates: Collection[Candidate]) -> dict[int, int]:
    """Return the stage of each device (by its id): who is ahead comes first, then who is there to be judged."""
    order = sorted(candidates, key=lambda one: (not one.is_ahead, not one.is_online, one.uuid))
    tag, share = _canary(policy.canary)
    first = [one for one in order if one.tags.get(tag[0]) == tag[1]] if tag else order[: _count(share, len(order))]
    chosen = {one.id for one in first}
    order = first + [one for one in order if one.id not in chosen]
    ends = [len(first), *(max(len(first), _count(wave, len(order))) for wave in policy.waves)]
    return {one.id: next(stage for stage, end in enumerate(ends) if place < end) for place, one in enumerate(order)}


def seconds(text: str) -> float:
    """Read a time: "90s", "10m", "1h", "2d", or as `duration` writes it; raises FleetError."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?) ?(s|m|min|h|d)", text.strip())
    if not found:
        raise FleetError(f"{text!r}: expected a time like 90s, 10m, 1h or 2d")
    return float(found[1]) * UNITS[found[2]]


def duration(time_seconds: float) -> str:
    """Write a time in its largest unit that says it exactly: "10 min", "90 s"."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if time_seconds >= length and time_seconds % length == 0:
            return f"{time_seconds / length:.0f} {unit}"
    return f"{time_seconds:g} s"


def percentages(text: str) -> tuple[float, ...]:
    """Read "25%,100%"; raises FleetError."""
    return tuple(_percent(part) for part in text.split(","))


def _canary(text: str) -> tuple[tuple[str, str] | None, float]:
    """Return the tag, or None and the share in percent, that canaries are known by."""
    kind, _, rest = text.partition(":")
    if kind == "share":
        return None, _percent(rest)
    name, is_there, value = rest.partition("=")
    if kind != "tag" or not name or not is_there:
        raise FleetError(f"canary: expected tag:NAME=VALUE or share:10%, got {text!r}")
    return (name, value), 0.0


def _percent(text: str) -> float:
    found = re.fullmatch(r"\s*(\d{1,3}(?:\.\d{1,3})?)\s*%?\s*", text)
    if not found or not 0 < float(found[1]) <= 100:
        raise FleetError(f"{text!r}: expected a percentage like 10%")
    return float(found[1])


def _count(percent: float, of: int) -> int:
    return math.ceil(of * percent / 100 - 1e-9)
