"""A Zigbee2MQTT at the broker, with DEVICES.

<base>/bridge/state              {"state": "online"}, last will {"state": "offline"}              retained
<base>/bridge/devices            the list: addresses, names, and what each exposes                retained
<base>/bridge/groups             [], so that nobody waits for it                                  retained
<base>/<name>/availability       {"state": "online"}                                              retained
<base>/<name>                    every STATE_SECONDS, the contact also when it changes
"""

import json
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from picket.config import Config
from picket_simulator.at_broker import AtBroker, Said
from picket_simulator.fault import FOREVER, Fault
from picket_simulator.zigbee_devices import DEVICES, Device, entry

STATE_SECONDS = 5.0
GARBAGE = (b"\xff\x00", b'{"temperature":', b'["online"]', b"NaN")


class ZigbeeBridge:
    """What a bridge with DEVICES says; time is an argument."""

    will = Said("bridge/state", b'{"state":"offline"}', retain=True)

    def __init__(self) -> None:
        """Have said nothing yet; `faults` are by device, and that of "" is the bridge's own."""
        self.faults = {key: Fault("offline", "garbage") for key in ("", *DEVICES)}
        self._away: set[str] = set()
        self._said: dict[str, tuple[float, Any]] = {}

    def is_away(self, now: float) -> bool:
        """Tell whether the bridge itself is to be offline."""
        return self.faults[""].at(now) == "offline"

    def introduce(self) -> list[Said]:
        """Say what a bridge says when it starts."""
        said = [
            Said("bridge/state", b'{"state":"online"}', retain=True),
            Said("bridge/devices", json.dumps([entry(device) for device in DEVICES.values()]).encode(), retain=True),
            Said("bridge/groups", b"[]", retain=True),
        ]
        return said + [
            _availability(device, "offline" if key in self._away else "online") for key, device in DEVICES.items()
        ]

    def say(self, now: float, wall: float) -> list[Said]:
        """Return what is due."""
        said = []
        for key, device in DEVICES.items():
            fault = self.faults[key].at(now)
            if (fault == "offline") != (key in self._away):
                self._away ^= {key}
                said.append(_availability(device, "offline" if key in self._away else "online"))
            state = device.state(wall)
            at, contact = self._said.get(key, (float("-inf"), None))
            if key in self._away or (now - at < STATE_SECONDS and state.get("contact") == contact):
                continue
            self._said[key] = (now, state.get("contact"))
            garbage = "garbage" in (fault, self.faults[""].at(now))
            seen = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            whole = dict(sorted({**state, "last_seen": seen}.items()))
            said.append(Said(device.name, random.choice(GARBAGE) if garbage else json.dumps(whole).encode()))
        return said


class ZigbeeBridges(AtBroker):
    """The bridges of the collectors that listen under `sim/`; a device goes by its source's name, as `zigbee_plug`."""

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Dial nobody yet."""
        bridges = {name: ZigbeeBridge() for name in collectors}
        self._faults = {
            f"{name}_{key}" if key else name: fault
            for name, bridge in bridges.items()
            for key, fault in bridge.faults.items()
        }
        self.names = frozenset(self._faults)
        super().__init__(
            config.mqtt,
            {f"{name}-bridge": (str(collectors[name]["base_topic"]), bridge) for name, bridge in bridges.items()},
        )

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a bridge or one of its devices misbehave; raises ValueError."""
        self._faults[name].begin(kind, time.monotonic(), seconds)


def serves(_config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector listens to the simulator's bridge."""
    return str(collector.get("base_topic", "")).startswith("sim/")


def _availability(device: Device, state: str) -> Said:
    return Said(f"{device.name}/availability", json.dumps({"state": state}).encode(), retain=True)
