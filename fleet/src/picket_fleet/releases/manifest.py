"""The manifest of a release: which image each service is, signed by the fleet's key; what a device believes.

    {"release": commit id, "version": "1.2.3+rev1", "services": {name: image id}}     JSON, keys sorted; Ed25519

An image id is the sha256 of the image's config, which names the layers by their digests: who has the manifest needs to
trust nobody for the rest.
"""

from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from picket_fleet.errors import FleetError


class ManifestError(FleetError):
    """A manifest that is not the fleet's."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A release, as it is signed."""

    release: str
    version: str
    services: dict[str, str]


def encode(manifest: Manifest) -> bytes:
    """Return the bytes that are signed."""
    return msgspec.json.encode(manifest, order="sorted")


def sign(manifest: bytes, key: Path) -> bytes:
    """Sign with the key of a PEM file."""
    from cryptography.hazmat.primitives.serialization import (
        load_pem_private_key,
    )  # a device, which is small, never signs

    private = load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise FleetError(f"{key}: not an Ed25519 key")
    return private.sign(manifest)


def verify(manifest: bytes, signature: bytes, public_key: bytes, release: str) -> Manifest:
    """Return the manifest of `release`; raises ManifestError for another's, and for one that the key did not sign."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, manifest)
        read = msgspec.json.decode(manifest, type=Manifest)
    except (InvalidSignature, ValueError) as error:
        raise ManifestError(f"the manifest is not signed by this fleet ({type(error).__name__})") from None
    if read.release != release:
        raise ManifestError(f"a manifest of release {read.release[:7]}, where {release[:7]} was announced")
    return read
