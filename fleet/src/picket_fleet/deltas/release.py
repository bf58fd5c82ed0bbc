"""What both ends of a delta know of a release: its images, and the layers that they have between them."""

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

MAGIC = b"PKD1"


class Image(NamedTuple):
    """An image: its id (the sha256 of its config), the config, its layers' diff ids; digests are bare hex."""

    id: str
    config: bytes
    layers: tuple[str, ...]

    @classmethod
    def of(cls, config: bytes) -> "Image":
        """Read an image's config."""
        layers = json.loads(config)["rootfs"]["diff_ids"]
        return cls(hashlib.sha256(config).hexdigest(), config, tuple(layer.removeprefix("sha256:") for layer in layers))


def fingerprint(images: Sequence[Image]) -> bytes:
    """Name a base in 8 bytes."""
    return hashlib.sha256(b"".join(bytes.fromhex(image.id) for image in images)).digest()[:8]


def layers_of(images: Sequence[Image]) -> list[str]:
    """Return each diff id once, as they first occur."""
    return list(dict.fromkeys(diff_id for image in images for diff_id in image.layers))


def config_prefix(base: Sequence[Image], new_layers: Sequence[str]) -> bytes:
    """Return what new configs are compressed against: the old ones, and the digests that they will name."""
    digests = " ".join(f'"sha256:{diff_id}"' for diff_id in [*layers_of(base), *new_layers])
    return b"".join(image.config for image in base) + digests.encode()
