"""What a Zigbee2MQTT says of itself and its devices, read from whatever came: each thing for itself or not at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from picket_collectors.part_name import LONGEST, part_name
from picket_collectors.zigbee_values import Expose, Quantity, kind_of, quantities

BRIDGE = "bridge"  # the part that the bridge itself is
OLDEST_SECONDS = 30 * 86_400
MAX_STATE_BYTES = 64 * 1024
MAX_LIST_BYTES = 8 * 1024 * 1024
WILDCARDS = ("+", "#", "\0")


class Definition(Struct):
    """What Zigbee2MQTT knows of a model."""

    exposes: list[Expose] = []


class Listed(Struct):
    """An entry of `bridge/devices`."""

    ieee_address: str
    friendly_name: str
    type: str = ""
    disabled: bool = False
    definition: Definition | None = None


class Group(Struct):
    """An entry of `bridge/groups`."""

    friendly_name: str


class Device(NamedTuple):
    """What is known of a device: its part, its kind, and its properties."""

    part: str
    kind: str
    known: Mapping[str, Quantity | None]


def named(listed: Sequence[Listed]) -> dict[str, Device]:
    """Return the devices by their friendly names; of two that would be one part, the later address is added to it."""
    devices: dict[str, Device] = {}
    parts = {BRIDGE}
    for one in sorted(listed, key=lambda one: one.ieee_address):
        name, address = one.friendly_name, part_name(one.ieee_address)
        if one.type == "Coordinator" or one.disabled or not name or any(sign in name for sign in WILDCARDS):
            continue
        part = part_name(name) or address
        if part in parts:
            part = f"{part[: LONGEST - 5]}_{address[-4:]}"
        parts.add(part)
        known = quantities(one.definition.exposes if one.definition else ())
        kind = kind_of([quantity.name for quantity in known.values() if quantity]) if known else ""
        devices[name] = Device(part, kind, known)
    return devices


def entries(payload: bytes, struct: Any) -> list[Any]:
    """Read a list, each entry for itself: an odd one costs no other; raises MsgspecError for what is no list."""
    raws = decoded(payload, list[msgspec.Raw], MAX_LIST_BYTES)
    if raws is None:
        raise msgspec.DecodeError("no list")
    found = (decoded(bytes(raw), struct, MAX_LIST_BYTES) for raw in raws)
    return [entry for entry in found if entry is not None]


def online(payload: bytes) -> str:
    """Return "online" or "offline", of JSON or of plain text; "" for neither."""
    state = decoded(payload, dict[str, Any], MAX_STATE_BYTES)
    text = state.get("state") if state is not None else payload.decode(errors="replace").strip()
    return text if text in ("online", "offline") else ""


def decoded(payload: bytes, kind: Any, most_bytes: int) -> Any:
    """Read JSON as `kind`; None for what is too long, too deep, or none."""
    if len(payload) > most_bytes:
        return None
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None


def seen_ns(last_seen: Any, wall_ns: int) -> int:
    """Return when a device was heard by the bridge (ISO text, or milliseconds); 0 where that can't be known or true."""
    try:
        seconds = datetime.fromisoformat(last_seen).timestamp() if isinstance(last_seen, str) else last_seen / 1e3
        nanoseconds = int(seconds * 1e9)
    except (TypeError, ValueError, OverflowError):
        return 0
    return nanoseconds if 0 <= wall_ns - nanoseconds <= OLDEST_SECONDS * 1_000_000_000 else 0
