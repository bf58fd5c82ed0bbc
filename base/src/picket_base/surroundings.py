"""What a container knows of where it is: the device's name, the broker beside it, and the password between them.

The name is PICKET_DEVICE, or else what balena calls the device, which the volume `device` remembers: all containers of
a release must agree on it, also at power-up before the supervisor answers. The gateway follows a later change.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from picket.config import Loaded, load_with_origins
from picket.supervisor import device_name

REMEMBERED = Path("/device/name")
BROKER_KEY = Path("/broker-key/password")
BROKER = "mosquitto"
MEETS_THE_BROKER = ("gateway", "collectors", BROKER)


def complete(container: str, environment: Mapping[str, str], remembered: Path = REMEMBERED) -> dict[str, str]:
    """Return the environment with the device's name in it, if it can be known."""
    found = dict(environment)
    if not found.get("PICKET_DEVICE") and (name := device_name(environment, remembered)):
        found |= {"PICKET_DEVICE": name, "PICKET_DEVICE_FROM": str(remembered)}
    if container in MEETS_THE_BROKER:
        found |= own_broker(found)
    return found


def own_broker(environment: Mapping[str, str], key: Path = BROKER_KEY) -> dict[str, str]:
    """Return the variables that lead to the broker beside us; none where another broker is named."""
    loaded = load_with_origins(environment=environment)
    if ("mqtt", "host") in loaded.places and not uses_own_broker(loaded):
        return {}
    variables = {"PICKET__MQTT__HOST": BROKER}
    if not loaded.config.mqtt.username:
        variables["PICKET__MQTT__USERNAME"] = loaded.config.device
    if not loaded.config.mqtt.password:
        make_key(key)
        variables["PICKET__MQTT__PASSWORD_FILE"] = str(key)
    return variables


def uses_own_broker(loaded: Loaded) -> bool:
    """Tell whether the broker is the one beside us."""
    return loaded.config.mqtt.host == BROKER


def make_key(file: Path) -> None:
    """Make a password by chance unless there is one; of two that do so at once, one is late and uses the other's."""
    if file.exists():
        return
    new = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "w") as out:  # noqa: PTH123
        out.write(secrets.token_urlsafe(32) + "\n")
    with suppress(FileExistsError):
        file.hardlink_to(new)
    new.unlink()
