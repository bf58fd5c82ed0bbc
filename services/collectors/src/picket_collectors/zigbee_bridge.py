"""What a Zigbee2MQTT's bridge and its devices say, made into parts; the connection is another's. Time is an argument.

    <base>/bridge/state              retained   {"state": "online"}, the will "offline"; of old plain text
    <base>/bridge/devices            retained   [{"ieee_address": "0x00158d…", "friendly_name": "shed/climate",
                                                  "type": "EndDevice", "disabled": false,
                                                  "definition": {"exposes": [...]}}, ...]
    <base>/bridge/groups             retained   [{"friendly_name": "all lamps"}, ...]
    <base>/<name>                    mostly not {"temperature": 21.37, "battery": null, "last_seen": "…", "update": {…}}
    <base>/<name>/availability       retained   {"state": "offline"}, of old plain text

Theory of operation. A name may have slashes in it, and <base>/# has the bridge's log in it too, which says everything
again: so one level is subscribed, and each longer name when the list tells of it. A state that the broker had kept is
from any time: it is of the time that its `last_seen` says, and left out where that says none. The bridge repeats its
memory when it starts, also of devices that are gone: what comes of one that is offline is kept for the moments in which
"online" may still be on its way. Who was just seen is not away, whatever the broker has kept of a bridge that no longer
tells availability. Readings of one name are one part; the list says whose name that is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from picket_collectors.mqtt import Message
from picket_collectors.part_name import part_name
from picket_collectors.source import Part
from picket_collectors.zigbee_messages import (
    BRIDGE,
    MAX_STATE_BYTES,
    Device,
    Group,
    Listed,
    decoded,
    entries,
    named,
    online,
    seen_ns,
)
from picket_collectors.zigbee_values import kind_of, read

BRIDGE_SECONDS = 10.0  # its state is retained, so it comes at once
ONLINE_SECONDS = 5.0
REPEATED_SECONDS = 60  # what was last seen before that is the bridge's memory
MOST_STRANGERS = 100


class Bridge:
    """Makes parts of what a bridge says."""

    def __init__(self, base_topic: str, now: float) -> None:
        """Expect the bridge's state from now on."""
        self._base = base_topic
        self._state_by = now + BRIDGE_SECONDS
        self._state = self._state_fault = self._list_fault = ""
        self._said: str | None = None
        self._devices: dict[str, Device] | None = None
        self._strangers: dict[str, Device] = {}
        self._groups: frozenset[str] = frozenset()
        self._offline: set[str] = set()
        self._held: dict[str, tuple[float, Part]] = {}
        self.unreadable = 0

    def topics(self) -> list[str]:
        """Return what is to be subscribed, in this order: first what tells who the others are."""
        kept = [f"{self._base}/{BRIDGE}/{what}" for what in ("state", "groups", "devices")]
        return [*kept, f"{self._base}/+/availability", f"{self._base}/+", *self._longer_topics()]

    def hear(self, message: Message, now: float, wall_ns: int) -> list[Part]:
        """Take a message that came now."""
        topic = message.topic.removeprefix(f"{self._base}/")
        match topic:
            case "bridge/state":
                return self._take_state(message.payload)
            case "bridge/devices":
                return self._take_devices(message.payload)
            case "bridge/groups":
                self._take_groups(message.payload)
                return []
        name = topic.removesuffix("/availability")
        device = self._device(name, message)
        if device is None or not message.payload:
            return []
        if name != topic:
            return self._take_availability(name, device, message.payload, now)
        return self._take_reading(name, device, message, now, wall_ns)

    def due(self, now: float) -> list[Part]:
        """Say that the bridge is not heard, once it should have been."""
        if not self._state and now >= self._state_by:
            topic = f"{self._base}/{BRIDGE}/state"
            self._state_fault = (
                f"nothing was heard on {topic}: is it Zigbee2MQTT's base_topic, and may this user read it?"
            )
        return self._bridge()

    def figures(self) -> Mapping[str, float]:
        """Count the devices, those that are away, and what can't be read."""
        return {
            "devices": len(self._devices or ()),
            "devices_offline": len(self._offline),
            "unreadable": self.unreadable,
        }

    def _longer_topics(self) -> Iterator[str]:
        for name in self._devices or ():
            if "/" in name:
                yield f"{self._base}/{name}/availability"
                yield f"{self._base}/{name}"

    def _take_state(self, payload: bytes) -> list[Part]:
        self._state = online(payload)
        if not self._state:
            self.unreadable += 1
        self._state_fault = "Zigbee2MQTT is offline" if self._state == "offline" else ""
        return self._bridge()

    def _bridge(self) -> list[Part]:
        fault = self._state_fault or self._list_fault
        if fault == self._said or not (fault or self._state):
            return []
        self._said = fault
        return [Part(BRIDGE, BRIDGE, fault=fault)]

    def _take_devices(self, payload: bytes) -> list[Part]:
        try:
            listed = entries(payload, Listed)
        except msgspec.MsgspecError:
            self.unreadable += 1
            self._list_fault = f"its list of devices can't be read ({len(payload)} bytes)"
            return self._bridge()
        self._list_fault = ""
        before = {device.part: device for device in [*(self._devices or {}).values(), *self._strangers.values()]}
        self._devices = named(listed)
        self._strangers = {}
        self._offline &= self._devices.keys()
        self._held = {name: held for name, held in self._held.items() if name in self._devices}
        there = {device.part for device in self._devices.values()}
        return [*self._bridge(), *(Part(part, gone.kind) for part, gone in before.items() if part not in there)]

    def _take_groups(self, payload: bytes) -> None:
        try:
            self._groups = frozenset(group.friendly_name for group in entries(payload, Group))
        except msgspec.MsgspecError:
            self.unreadable += 1

    def _device(self, name: str, message: Message) -> Device | None:
        """Return a name's device, or what can be known of one that the list does not have yet; None for no device."""
        if name in self._groups or name.startswith(f"{BRIDGE}/"):
            return None
        if self._devices is not None and name in self._devices:
            return self._devices[name]
        if self._devices is not None and message.retained:
            return None  # of a device that was renamed or removed
        if name not in self._strangers:
            part = part_name(name)
            others = {device.part for device in (*(self._devices or {}).values(), *self._strangers.values())}
            if part in ("", BRIDGE, *others) or len(self._strangers) == MOST_STRANGERS:
                return None
            self._strangers[name] = Device(part, "", {})
        return self._strangers[name]

    def _take_availability(self, name: str, device: Device, payload: bytes, now: float) -> list[Part]:
        state = online(payload)
        at, held = self._held.pop(name, (now, None))
        match state:
            case "offline":
                self._offline.add(name)
                return [Part(device.part, device.kind, fault="offline")]
            case "online":
                self._offline.discard(name)
                back = Part(device.part, device.kind)
                return [back, held] if held and now - at <= ONLINE_SECONDS else [back]
        self.unreadable += 1
        return []

    def _take_reading(self, name: str, device: Device, message: Message, now: float, wall_ns: int) -> list[Part]:
        state = decoded(message.payload, dict[str, Any], MAX_STATE_BYTES)
        if state is None:
            self.unreadable += 1
            text = f"says what is no JSON object of {MAX_STATE_BYTES} bytes or less"
            return [] if message.retained else [Part(device.part, device.kind, fault=text)]
        time_ns = seen_ns(state.get("last_seen"), wall_ns)
        if message.retained and not time_ns:
            return []
        if wall_ns - time_ns < REPEATED_SECONDS * 1_000_000_000:
            self._offline.discard(name)
            if not message.retained:
                time_ns = 0  # now: also a plug that was switched says when it was heard before
        values, switches = read(state, device.known)
        if not values:
            return []
        part = Part(device.part, device.kind or kind_of(values), values, "", switches, time_ns)
        if name in self._offline:
            self._held[name] = (now, part)
            return []
        return [part]
