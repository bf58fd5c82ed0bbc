"""Who this device is, and how its agent behaves: device.json."""

from pathlib import Path

import msgspec

from picket_fleet.agent.folder import write
from picket_fleet.errors import FleetError

FOLDER = Path("/var/lib/picket-fleet")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What hardly anyone changes."""

    health_seconds: float = 20.0  # how long all services must have run without a restart
    health_deadline_seconds: float = 300.0
    poll_seconds: float = 50.0  # how long the server may keep a question open
    report_seconds: float = 10.0  # between two reports of progress; what matters more waits for a second at most
    first_retry_seconds: float = 1.0  # doubled each time
    last_retry_seconds: float = 120.0
    reserve_bytes: int = 64 << 20  # of the disk that an update leaves free
    lock_folder: str = "/tmp/balena-supervisor/services"


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The identity with which this machine has joined the fleet, or tries to."""

    uuid: str  # 32 hex
    key: str
    server: str  # https://host:port
    fingerprint: str  # sha256 of the server's certificate (DER), hex
    signing_key: str  # the fleet's public key (Ed25519), hex; "": it is not known yet whether the fleet took it in
    name: str = ""  # when it joined
    device_type: str = ""
    engine: str = "/var/run/docker.sock"
    settings: Settings = Settings()


def read(folder: Path) -> Device:
    """Read device.json; raises FleetError where there is none that makes sense, or no fleet has taken it in."""
    device = kept(folder)
    if device is None or not device.signing_key:
        raise FleetError(f"{_file(folder)}: this device has joined no fleet ('fleet device join' does that)")
    return device


def kept(folder: Path) -> Device | None:
    """Return what device.json says, if there is one; raises FleetError for one that makes no sense."""
    try:
        return msgspec.json.decode(_file(folder).read_bytes(), type=Device)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as error:
        raise FleetError(f"{_file(folder)}: {error}") from None


def save(folder: Path, device: Device) -> None:
    """Write device.json, for root alone to read."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    write(_file(folder), msgspec.json.format(msgspec.json.encode(device)), mode=0o600)


def _file(folder: Path) -> Path:
    return folder / "device.json"
