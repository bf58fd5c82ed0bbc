"""What an update will do to each device: what restarts, what is downloaded, which outputs drop, who holds a lock.

Restarts are those that the agent itself would plan: both releases are made into the containers that it would ask its
engine for, with the device's own variables, and compared. Bytes are the delta's, or of layers that the device lacks.

A service whose label `io.picket.outputs` says so in words ("all outputs go to their failsafe state") drops outputs
while it is away; for how long is what the agent measured at its last update, from the stop until the new one was well.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec

from picket_fleet.agent import target as agents
from picket_fleet.agent.container import Host, wanted
from picket_fleet.deltas.release import Image as Built
from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.releases.target import Application, Target, document
from picket_fleet.store import devices, fleet, images, releases, variables
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.effects import lines
from picket_fleet.store.images import Image
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable

OUTPUTS = "io.picket.outputs"
MOST_LINES = 20  # of a push's output
# The same for both releases, so it does not matter which device it is of.
HOST = Host("", "", "", "", "", "", ("127.0.0.1", 0, ""))

DeltaSize = Callable[[Release], int | None]


class Draft(NamedTuple):
    """A release that may be announced: its composition, and by service its image's id and layers (digests)."""

    commit_id: str
    composition: Mapping[str, Any]
    images: Mapping[str, str]
    layers: frozenset[str]


class Difference(NamedTuple):
    """What becomes of services."""

    restarts: tuple[str, ...]
    starts: tuple[str, ...]
    stops: tuple[str, ...]


def preview(home: Home, database: Database, draft: Draft, delta_size: DeltaSize, now: float) -> list[dict[str, Any]]:
    """Return for each device, by name, what a release would do to it; raises FleetError for what devices refuse.

    {"device": "hall", "is_online": true, "is_pinned": false (it would not follow the release, but stay),
     "release": null | {"version", "commit"} that it runs,
     "restarts", "starts", "stops": [services],
     "bytes": 612, "by": "delta" | "layers" | "" (nothing to download),
     "outputs": null (no service has the label) | [
         {"service": "relay", "what": "all outputs go to their failsafe state",
          "seconds": null (never measured) | 3.2, "measured_on": "hall"}],
     "locks": {service that holds its update lock: reason, or ""}}
    """
    every = devices.everyone(database)
    own: dict[int | None, list[Variable]] = {}
    for variable in variables.everywhere(database):
        own.setdefault(variable.device, []).append(variable)
    is_pinned = fleet.get(database).pinned_release is not None
    differing = _Differing(home, database, draft)
    sizes: dict[str, tuple[int, str]] = {}
    found = []

    @cache
    def downtimes(service: str) -> dict[str, float]:
        return {one.name: seconds for one in every if (seconds := _seconds(one, service)) is not None}

    for device in every:
        running = releases.of_commit(database, device.running) if device.running else None
        if running and not images.of(database, running.id):
            running = None
        if device.running not in sizes:
            sizes[device.running] = _download(home, database, draft, running, delta_size)
        stopped = frozenset(devices.stopped(database, device.id))
        difference = differing.of(device, running, (*own.get(None, ()), *own.get(device.id, ())), stopped)
        size, by = sizes[device.running]
        found.append(
            {
                "device": device.name,
                "is_online": device.is_online(now),
                "is_pinned": is_pinned or device.pinned_release is not None,
                "release": {"version": running.version, "commit": running.commit_id} if running else None,
                **{name: list(services) for name, services in difference._asdict().items()},
                "bytes": size,
                "by": by,
                "outputs": _outputs(database, draft, running, difference, device, downtimes),
                "locks": _texts(device.report.get("update_locks")),
            }
        )
    return found


def draft_of(commit_id: str, composition: Mapping[str, Any], configs: Mapping[str, bytes]) -> Draft:
    """Return what was built, by the configs of its services' images."""
    built = {service: Built.of(config) for service, config in configs.items()}
    layers = frozenset(diff_id for image in built.values() for diff_id in image.layers)
    return Draft(commit_id, composition, {service: image.id for service, image in built.items()}, layers)


def draft_again(database: Database, release: Release) -> Draft:
    """Return what was built of a release that is there."""
    built = {image.service: image.image_id for image in images.of(database, release.id)}
    layers = frozenset(images.layers_of(database, release.id))
    return Draft(release.commit_id, releases.composition(database, release.id), built, layers)


def kept_delta(home: Home, draft: Draft) -> DeltaSize:
    """Return what tells how large the deltas to it are that there are."""

    def size(base: Release) -> int | None:
        path = home.delta(base.commit_id, draft.commit_id)
        return path.stat().st_size if path.exists() else None

    return size


def announced(home: Home, database: Database, draft: Draft, now: float) -> list[str]:
    """Say what a release that is about to count will do to devices, by the deltas there are."""
    try:
        said = lines(preview(home, database, draft, kept_delta(home, draft), now))
    except FleetError as error:
        return [f"What it will do to the devices can't be told: {error}"]
    more = len(said) - MOST_LINES
    return said if more <= 0 else [*said[:MOST_LINES], f"{more} lines more of this kind: 'fleet preview' has them"]


class _Differing:
    """Compares the draft with what devices run, once for all that are alike."""

    def __init__(self, home: Home, database: Database, draft: Draft) -> None:
        configuration = home.configuration
        uuid = fleet.get(database).uuid
        self._database, self._draft = database, draft
        self._application = Application(uuid, configuration.name, configuration.registry)
        self._known: dict[Any, Difference] = {}

    def of(
        self, device: Device, running: Release | None, own: Sequence[Variable], stopped: frozenset[str]
    ) -> Difference:
        values = tuple((v.device is None, v.service, v.name, v.value) for v in own)
        key = (running.id if running else None, values, stopped)
        if key not in self._known:
            after = self._containers(device, self._after(), own, stopped)
            before = self._containers(device, self._before(running), own, stopped) if running else {}
            common = after.keys() & before.keys()
            self._known[key] = Difference(
                tuple(sorted(name for name in common if after[name] != before[name])),
                tuple(sorted(after.keys() - before.keys())),
                tuple(sorted(before.keys() - after.keys())),
            )
        return self._known[key]

    def _before(self, running: Release) -> Target:
        composition = releases.composition(self._database, running.id)
        return Target(running, images.of(self._database, running.id), composition)

    def _after(self) -> Target:
        draft = self._draft
        numbers = {name: number for number, name in releases.services_by_id(self._database).items()}
        images = [Image(0, numbers.get(name, 0), name, "", image) for name, image in sorted(draft.images.items())]
        release = Release(0, draft.commit_id, "0.0.0", None, "running", False, 0.0, None, "")
        return Target(release, images, draft.composition)

    def _containers(
        self, device: Device, target: Target, own: Sequence[Variable], stopped: frozenset[str]
    ) -> dict[str, tuple[str, str]]:
        """Return of each service what its container is known by."""
        application = self._application
        state = document(application, device, target, own, stopped)
        release = state[device.uuid]["apps"][application.uuid]["releases"][target.release.commit_id]
        images = {image.service: image.image_id for image in target.images}
        read = agents.Release(
            target.release.commit_id,
            application.uuid,
            fleet.APP_ID,
            application.name,
            msgspec.convert(release, agents.ReleaseState),
            images,
        )
        return {name: (one.image, one.config) for name, one in wanted(read, HOST).items()}


def _download(
    home: Home, database: Database, draft: Draft, running: Release | None, delta_size: DeltaSize
) -> tuple[int, str]:
    """Return how many bytes a device has to get, and what they are."""
    if running and (size := delta_size(running)) is not None:
        return size, "delta"
    lacking = draft.layers - (images.layers_of(database, running.id) if running else set())
    files = [home.layer(diff_id) for diff_id in lacking]
    return sum(file.stat().st_size for file in files if file.exists()), "layers" if lacking else ""


def _outputs(
    database: Database,
    draft: Draft,
    running: Release | None,
    difference: Difference,
    device: Device,
    downtimes: Callable[[str], Mapping[str, float]],
) -> list[dict[str, Any]] | None:
    before = releases.composition(database, running.id) if running else {}
    services = {*(before.get("services") or {}), *(draft.composition.get("services") or {})}
    if not any(_label(before, service) or _label(draft.composition, service) for service in services):
        return None
    found = []
    for service in (*difference.restarts, *difference.stops):
        what = _label(before, service) or _label(draft.composition, service)
        if what:
            seconds, measured_on = _downtime(downtimes(service), device)
            found.append({"service": service, "what": what, "seconds": seconds, "measured_on": measured_on})
    return found


def _downtime(measured: Mapping[str, float], device: Device) -> tuple[float | None, str]:
    """Return how long a service was away when it was updated last, here or else on another device at the longest."""
    if device.name in measured:
        return measured[device.name], device.name
    return max(((seconds, name) for name, seconds in measured.items()), default=(None, ""))


def _seconds(device: Device, service: str) -> float | None:
    said = device.report.get("downtimes")
    seconds = said.get(service) if isinstance(said, dict) else None
    return float(seconds) if isinstance(seconds, int | float) else None


def _label(composition: Mapping[str, Any], service: str) -> str:
    described = (composition.get("services") or {}).get(service) or {}
    return str((described.get("labels") or {}).get(OUTPUTS, ""))


def _texts(value: Any) -> dict[str, str]:
    return {str(name): str(text) for name, text in value.items()} if isinstance(value, dict) else {}
