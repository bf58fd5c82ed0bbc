"""Take over the images of a release that was deployed: `python -m picket_fleet.cloud.finish FOLDER BLOBS < order`.

order   {"release": id, "is_draft": bool, "person": name, "composition": {...}, "manifests": {service: digest}}
"""

import sqlite3
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from picket_fleet.build import release as build
from picket_fleet.build.architecture import PLATFORMS, architecture
from picket_fleet.build.collect import collect
from picket_fleet.build.errors import BuildError
from picket_fleet.build.layers import Layers
from picket_fleet.build.release import Pusher, one_at_a_time
from picket_fleet.errors import FleetError
from picket_fleet.home import Home, load
from picket_fleet.store import releases


class Order(msgspec.Struct, frozen=True):
    """What was deployed; a manifest is "" where none was pushed."""

    release: int
    is_draft: bool
    person: str
    composition: dict[str, Any]
    manifests: dict[str, str]


class Silent:
    """Nobody listens: who deploys waits for the end."""

    def say(self, service: str, line: str) -> None:
        """Say nothing."""

    def still_there(self) -> None:
        """Go on."""

    def confirm(self) -> None:
        """Go on."""


def take_over(home: Home, blobs: Path, order: Order) -> None:
    """Publish the release; raises FleetError for images that are not there, or not for these devices."""
    with one_at_a_time(home) as database:
        release = releases.get(database, order.release)
        layers = Layers(home)

        def make(_pusher: Pusher) -> dict[str, bytes]:
            return {
                service: _config(home, layers, blobs, service, digest)
                for service, digest in sorted(order.manifests.items())
            }

        how = build.Order(is_draft=order.is_draft, person=order.person)
        build.complete(home, database, release, how, order.composition, make, Silent())
        with suppress(FleetError, OSError, sqlite3.Error):  # the next build tries again
            collect(home, database)


def _config(home: Home, layers: Layers, blobs: Path, service: str, digest: str) -> bytes:
    if not digest:
        raise BuildError(f"{service}: no image was pushed")
    manifest = _read(blobs, service, digest)
    image = _read(blobs, service, manifest["config"]["digest"])
    wanted = PLATFORMS[architecture(home.configuration.device_type)].split("/")[1]
    if (image.get("os"), image.get("architecture")) != ("linux", wanted):
        found = f"{image.get('os')}/{image.get('architecture')}"
        raise BuildError(f"{service}: is for {found}, the fleet's devices have {wanted}")
    diff_ids = image["rootfs"]["diff_ids"]
    for diff_id, layer in zip(diff_ids, manifest["layers"], strict=True):
        if diff_id.removeprefix("sha256:") not in layers.ours():
            with _blob(blobs, layer["digest"]).open("rb") as file:
                layers.take(file, diff_id.removeprefix("sha256:"))
    inspected = {
        "Architecture": image["architecture"],
        "Os": image["os"],
        "Variant": image.get("variant"),
        "Config": image.get("config"),
        "RootFS": {"Layers": diff_ids},
    }
    return layers.config(inspected)


def _read(blobs: Path, service: str, digest: str) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(_blob(blobs, digest).read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise BuildError(f"{service}: what was pushed can't be read: {error}") from None


def _blob(blobs: Path, digest: str) -> Path:
    return blobs / digest.removeprefix("sha256:")


def main() -> int:
    """Take over what standard input orders; print what is wrong."""
    try:
        take_over(load(Path(sys.argv[1])), Path(sys.argv[2]), msgspec.json.decode(sys.stdin.buffer.read(), type=Order))
    except (FleetError, OSError, sqlite3.Error, KeyError, TypeError, ValueError) as error:
        print(error)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
