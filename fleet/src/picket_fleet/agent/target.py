"""What the server says this device is to run, read and checked as a whole: nothing of it is half believed.

The answer to our question is balena's state document (v3) and, beside it, the release with its signed manifest:

    {"state": {uuid: {"name", "config", "apps": {app uuid: {"id", "name", "class", "releases": {commit: {"id",
        "services": {name: {"id", "image_id", "image", "environment", "labels", "running"?, "composition"}},
        "volumes", "networks"}}}}}},
     "release": null | {"commit", "manifest": text, "signature": base64, "delta": null | {"base", "size", "data"}},
     "restarts": {service, or "" for all: how often somebody asked for it},
     "identify": how often somebody asked which device this is}
"""

import hashlib
import re
from typing import Any

import msgspec

from picket_fleet.agent.device import Device
from picket_fleet.agent.errors import TargetError
from picket_fleet.errors import FleetError

NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}")
COMMIT = re.compile(r"[0-9a-f]{32}")
IMAGE_ID = re.compile(r"[0-9a-f]{64}")


class ServiceState(msgspec.Struct, frozen=True):
    """A service, as the state document has it."""

    id: int
    image_id: int
    image: str
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}
    running: bool = True
    composition: dict[str, Any] = {}


class ReleaseState(msgspec.Struct, frozen=True):
    """A release of the state document."""

    id: int
    services: dict[str, ServiceState] = {}
    volumes: dict[str, Any] = {}
    networks: dict[str, Any] = {}


class AppState(msgspec.Struct, frozen=True):
    """An app of the state document."""

    id: int
    name: str = ""
    is_host: bool = False
    releases: dict[str, ReleaseState] = {}


class DeviceState(msgspec.Struct, frozen=True):
    """What the state document has for a device."""

    name: str = ""
    config: dict[str, str] = {}
    apps: dict[str, AppState] = {}


class Offer(msgspec.Struct, frozen=True):
    """A delta to the release, from one that this device runs; small ones are here at once."""

    base: str  # commit
    size: int
    data: bytes | None = None


class Signed(msgspec.Struct, frozen=True):
    """The release, as it was signed."""

    commit: str
    manifest: str
    signature: bytes
    delta: Offer | None = None


class Answer(msgspec.Struct, frozen=True):
    """All of the server's answer."""

    state: dict[str, DeviceState]
    release: Signed | None = None
    restarts: dict[str, int] = {}
    identify: int = 0


class Release(msgspec.Struct, frozen=True):
    """A release that this device is to run, with all that is set for it here."""

    commit: str
    app_uuid: str
    app_id: int
    app_name: str
    state: ReleaseState
    images: dict[str, str]  # of each service: the image id that the manifest names

    @property
    def digest(self) -> str:
        """Return what is another one as soon as anything of it is."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()

    @property
    def image_ids(self) -> list[str]:
        """Return the images by their services' names, each once: the order that deltas have."""
        return list(dict.fromkeys(self.images[name] for name in sorted(self.images)))


class Target(msgspec.Struct, frozen=True):
    """The server's word on this device."""

    name: str
    config: dict[str, str]
    release: Release | None
    offer: Offer | None = None
    restarts: dict[str, int] = {}
    identify: int = 0

    @property
    def digest(self) -> str:
        """Return what is another one when what goes on is to be given up for it."""
        return f"{self.release.digest if self.release else ''} {sorted(self.config.items())}"


def read(answer: bytes, device: Device) -> Target:
    """Read and check an answer; raises TargetError, naming the release, for one that is to be left alone."""
    try:
        read = msgspec.json.decode(answer, type=Answer)
        mine = read.state[device.uuid]
    except (msgspec.MsgspecError, KeyError) as error:
        raise TargetError(f"the target state makes no sense: {error}") from None
    apps = {uuid: app for uuid, app in mine.apps.items() if not app.is_host and app.releases}
    if read.release is None or not apps:
        return Target(mine.name, mine.config, None, None, read.restarts, read.identify)
    if len(apps) != 1:
        raise TargetError(f"the target state has {len(apps)} fleets, where one is expected")
    [(uuid, app)] = apps.items()
    release = _release(uuid, app, read.release, device)
    return Target(mine.name, mine.config, release, read.release.delta, read.restarts, read.identify)


def _release(uuid: str, app: AppState, signed: Signed, device: Device) -> Release:
    from picket_fleet.releases.manifest import verify  # cryptography takes 7 MB

    state = app.releases.get(signed.commit)
    if state is None or len(app.releases) != 1 or not COMMIT.fullmatch(signed.commit):
        raise TargetError("the target state has another release than it announces")
    try:
        manifest = verify(signed.manifest.encode(), signed.signature, bytes.fromhex(device.signing_key), signed.commit)
    except FleetError as error:
        raise TargetError(f"release {signed.commit[:7]}: {error}") from None
    if state.services.keys() - manifest.services.keys():
        raise TargetError(f"release {signed.commit[:7]}: it has services that its manifest has not")
    images = {name: manifest.services[name].removeprefix("sha256:") for name in state.services}
    for name in [*state.services, *state.volumes, *state.networks]:
        if not NAME.fullmatch(name):
            raise TargetError(f"release {signed.commit[:7]}: {name!r} is no name")
    if not all(map(IMAGE_ID.fullmatch, images.values())):
        raise TargetError(f"release {signed.commit[:7]}: the manifest names what is no image id")
    return Release(signed.commit, uuid, app.id, app.name, state, images)
