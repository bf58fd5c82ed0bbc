"""Take a deployed release (its id) over: `python -m picket_fleet.cloud.finish FOLDER RELEASE`."""

import re
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from picket_fleet.build.architecture import PLATFORMS, architecture
from picket_fleet.build.collect import collect
from picket_fleet.build.errors import BuildError
from picket_fleet.build.layers import Layers
from picket_fleet.build.release import Order, Pusher, complete, one_at_a_time
from picket_fleet.errors import FleetError
from picket_fleet.home import Home, load
from picket_fleet.store import deploys, releases

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Silent:
    """Nobody listens: who deploys waits for the end."""

    def say(self, service: str, line: str) -> None:
        """Say nothing."""

    def still_there(self) -> None:
        """Go on."""

    def confirm(self) -> None:
        """Go on."""


def take_over(home: Home, number: int) -> None:
    """Publish the release; raises FleetError for images that are not there, or not for these devices."""
    with one_at_a_time(home) as database:
        release, deploy = releases.get(database, number), deploys.get(database, number)
        if release.status == "success":
            return  # it was taken over while nobody was there to hear of it
        if deploy is None or release.status != "running":
            raise FleetError(f"{release.version} is not being deployed any more: {release.status}")
        composition, layers = releases.composition(database, number), Layers(home)
        pushed = {image.service: image.manifest for image in deploys.images(database, number)}

        def make(_pusher: Pusher) -> dict[str, bytes]:
            services = sorted(composition["services"])
            return {service: _config(home, layers, service, pushed.get(service, "")) for service in services}

        order = Order(is_draft=deploy.is_draft, person=deploy.person)
        complete(home, database, release, order, composition, make, Silent())
        with suppress(FleetError, OSError, sqlite3.Error):  # the next build tries again
            collect(home, database)


def _config(home: Home, layers: Layers, service: str, digest: str) -> bytes:
    if not digest:
        raise BuildError(f"{service}: no image was pushed")
    manifest = _read(home, service, digest)
    image = _read(home, service, manifest["config"]["digest"])
    wanted = PLATFORMS[architecture(home.configuration.device_type)].split("/")[1]
    if (image.get("os"), image.get("architecture")) != ("linux", wanted):
        found = f"{image.get('os')}/{image.get('architecture')}"
        raise BuildError(f"{service}: is for {found}, the fleet's devices have {wanted}")
    diff_ids = image["rootfs"]["diff_ids"]
    for diff_id, layer in zip(diff_ids, manifest["layers"], strict=True):
        if diff_id.removeprefix("sha256:") not in layers.ours():
            with _blob(home, layer["digest"]).open("rb") as file:
                layers.take(file, diff_id.removeprefix("sha256:"))
    inspected = {
        "Architecture": image["architecture"],
        "Os": image["os"],
        "Variant": image.get("variant"),
        "Config": image.get("config"),
        "RootFS": {"Layers": diff_ids},
    }
    return layers.config(inspected)


def _read(home: Home, service: str, digest: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(_blob(home, digest).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise BuildError(f"{service}: what was pushed can't be read: {error}") from None


def _blob(home: Home, digest: str) -> Path:
    if not DIGEST.fullmatch(digest):
        raise BuildError(f"{digest[:80]!r}: expected a digest")
    return home.blobs / digest.removeprefix("sha256:")


def main() -> int:
    """Take over what the arguments say; print what is wrong."""
    try:
        take_over(load(Path(sys.argv[1])), int(sys.argv[2]))
    except (FleetError, OSError, sqlite3.Error, KeyError, TypeError, ValueError) as error:
        print(error)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
