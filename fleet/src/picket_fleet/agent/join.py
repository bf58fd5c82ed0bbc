"""Join a fleet: choose an identity and a key, and have the server take them."""

import argparse
import secrets
from pathlib import Path

import msgspec

from picket_fleet.agent import device as devices
from picket_fleet.agent.device import Device
from picket_fleet.agent.metrics import architecture
from picket_fleet.agent.server import Server
from picket_fleet.errors import FleetError

TYPES = {"amd64": "genericx86-64-ext", "aarch64": "raspberrypi4-64", "armv7hf": "raspberrypi3", "rpi": "raspberry-pi"}


class Joined(msgspec.Struct, frozen=True):
    """The server's answer."""

    uuid: str
    name: str
    fleet: "Fleet"


class Fleet(msgspec.Struct, frozen=True):
    """The fleet that took this device in."""

    public_key: bytes


def join(folder: Path, asked: argparse.Namespace) -> Device:
    """Join, and write device.json; raises FleetError where this device has joined one already, or is not taken."""
    device = _identity(folder, asked)
    devices.save(folder, device)  # before the server knows of it: the next try is by the same device
    said = {"uuid": device.uuid, "api_key": device.key, "device_type": device.device_type, "device_name": asked.name}
    answer = Server(msgspec.structs.replace(device, key=asked.key)).register(msgspec.json.encode(said))
    try:
        joined = msgspec.json.decode(answer, type=Joined)
    except msgspec.MsgspecError as error:
        raise FleetError(f"the server's answer makes no sense: {error}") from None
    device = msgspec.structs.replace(device, name=joined.name, signing_key=joined.fleet.public_key.hex())
    devices.save(folder, device)
    return device


def _identity(folder: Path, asked: argparse.Namespace) -> Device:
    """Return who asks to join: who asked before, if it was the same server, for that one may have said yes."""
    before = devices.kept(folder)
    if before and before.signing_key:
        raise FleetError(f"{folder}: this device has joined a fleet already; remove the folder to join another")
    fingerprint = asked.fingerprint.replace(":", "").lower()
    if before is None or before.fingerprint != fingerprint:
        uuid, key = secrets.token_hex(16), secrets.token_urlsafe(32)
    else:
        uuid, key = before.uuid, before.key
    return Device(
        uuid=uuid,
        key=key,
        server=asked.address.rstrip("/"),
        fingerprint=fingerprint,
        signing_key="",
        device_type=asked.device_type or _device_type(),
        engine=str(asked.engine).removeprefix("unix://"),
    )


def _device_type() -> str:
    """Return what balena calls such a machine."""
    model = Path("/proc/device-tree/model")
    if model.exists():
        text = model.read_text(errors="replace")
        for name, kind in (("Pi 5", "raspberrypi5"), ("Pi 4", "raspberrypi4-64"), ("Pi Zero 2", "raspberrypi0-2w-64")):
            if name in text:
                return kind
    return TYPES.get(architecture(), "generic")
