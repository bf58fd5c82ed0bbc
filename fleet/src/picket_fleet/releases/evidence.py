"""What a device's report says of a release, as far as a rollout asks; pure.

The report is what balena's supervisor and our agent say of themselves; only ours tells restarts and failing health
checks of containers, {"status": "Running", "restarts": 2, "health": "unhealthy"}, and, by
`is_quiet`, that Picket's gateway, which visits it each minute, does so no more.
"""

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from picket_fleet.releases.judging import Seen

REJECTED = "rejected"
LONGEST, MOST = 300, 1_000_000  # of what a device may say


class Wanted(NamedTuple):
    """The release that is asked about: each service with its image's id, and those that need not go on running."""

    application: str
    commit: str
    images: tuple[tuple[str, str], ...]
    may_end: frozenset[str]


# A thousand devices are looked at every second, and hardly any has said something new since.
@functools.lru_cache(4096)
def seen(report: str, wanted: Wanted, stopped: frozenset[str] = frozenset()) -> Seen:
    """Return what a report (JSON) says of a release; of services that a person has `stopped` nothing is expected."""
    read = msgspec.json.decode(report)
    said = within(read, "apps", wanted.application, "releases", wanted.commit)
    services = within(said, "services")
    update = str(said.get("update_status") or "waiting")[:LONGEST]
    counts = {name: within(services, name).get("restarts") for name, _ in wanted.images}
    restarts = {name: count for name, count in counts.items() if isinstance(count, int) and 0 < count < MOST}
    wrong = [
        f"{name}: {trouble}"
        for name, image in sorted(wanted.images)
        if name not in stopped and (trouble := _trouble(within(services, name), image, name in wanted.may_end))
    ]
    rejected = str(said.get("reason") or "it did not run")[:LONGEST] if update == REJECTED else ""
    return Seen(
        update=update, rejected=rejected, wrong=", ".join(wrong), restarts=restarts, is_quiet=bool(read.get("is_quiet"))
    )


def may_end(composition: Mapping[str, Any]) -> frozenset[str]:
    """Return the services of a composition that may end by themselves."""
    services = within(composition, "services")
    may = ("no", "on-failure")
    return frozenset(name for name in services if str(within(services, name).get("restart", "always")) in may)


def _trouble(said: Mapping[str, Any], image: str, may_end: bool) -> str:
    """Say what is wrong with a service, "" for nothing."""
    if not said:
        return "not there"
    if not str(said.get("image", "")).endswith(image):
        return "another image"
    if said.get("status") != "Running" and not may_end:
        return str(said.get("status") or "unknown")[:LONGEST].lower()
    return "unhealthy" if said.get("health") == "unhealthy" else ""


def within(value: Any, *path: str) -> dict[str, Any]:
    """Return the mapping at a path of mappings, an empty one for anything else: devices may say anything."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
