"""Versions as balena numbers them: of the same version, the first is that version, the next ones its revisions.

0.1.0            the first release of 0.1.0
0.1.0+rev1       the second
0.1.0-1795280572132   a draft (the milliseconds of its start): nobody follows it until it is finalised
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from picket_fleet.errors import FleetError

UNVERSIONED = "0.0.0"
SEMVER = re.compile(r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})")


class Candidate(NamedTuple):
    """A release, as far as it matters for what a fleet follows."""

    id: int
    started_at: float
    status: str
    is_final: bool
    is_invalidated: bool


def semver(text: str) -> str:
    """Return a version as balena.yml has it ("" is 0.0.0); raises FleetError for anything else than x.y.z."""
    if not text:
        return UNVERSIONED
    if not SEMVER.fullmatch(text):
        raise FleetError(f"balena.yml: version: expected x.y.z, got {text!r}")
    return text


def next_revision(revisions: Iterable[int]) -> int:
    """Return the number of the next final release of a version, from those that it has."""
    return max(revisions, default=-1) + 1


def raw_version(version: str, revision: int | None, started_at: float) -> str:
    """Write a release's version; a draft has no revision."""
    if revision is None:
        return f"{version}-{round(started_at * 1000)}"
    return f"{version}+rev{revision}" if revision else version


def latest(candidates: Iterable[Candidate]) -> int | None:
    """Return the release that is followed: of the good ones the one that began last, not the one that was done last."""
    good = (c for c in candidates if c.status == "success" and c.is_final and not c.is_invalidated)
    newest = max(good, key=lambda candidate: (candidate.started_at, candidate.id), default=None)
    return newest.id if newest else None


def target(pinned_device: int | None, pinned_fleet: int | None, candidates: Iterable[Candidate]) -> int | None:
    """Return what a device is to run: its own pin, else the fleet's, else the latest."""
    if pinned_device is not None:
        return pinned_device
    return pinned_fleet if pinned_fleet is not None else latest(candidates)
