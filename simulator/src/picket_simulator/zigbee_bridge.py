"""A Zigbee2MQTT at the broker, with a climate sensor whose battery is not known yet, a contact, and a plug.

<base>/bridge/state              {"state": "online"}, last will {"state": "offline"}              retained
<base>/bridge/devices            the list: addresses, names, and what each exposes                retained
<base>/bridge/groups             [], so that nobody waits for it                                  retained
<base>/<name>/availability       {"state": "online"}                                              retained
<base>/<name>                    every STATE_SECONDS, the contact also when it changes
"""

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from picket.config import Config
from picket_simulator.air import room
from picket_simulator.mqtt_client import MqttClient, Will

FAULTS = ("offline", "garbage", "clear")
FOREVER = float("inf")
TICK_SECONDS = 0.2
STATE_SECONDS = 5.0
OPEN_SECONDS, CLOSED_SECONDS = 6.0, 34.0
KETTLE_SECONDS, COLD_SECONDS = 45.0, 200.0
KETTLE_WATTS, STANDBY_WATTS, MAINS_VOLTS = 1870.0, 1.2, 231.0
GARBAGE = (b"\xff\x00", b'{"temperature":', b'["online"]', b"NaN")

State = Callable[[float], dict[str, Any]]


class Device(NamedTuple):
    """A device, and what it says at a time of the wall clock."""

    name: str
    address: str
    model: str
    exposes: list[dict[str, Any]]
    state: State


class Said(NamedTuple):
    """One message: the end of its topic, and whether the broker is to keep it."""

    topic: str
    payload: bytes
    retain: bool = False


def numeric(name: str, unit: str, category: str = "") -> dict[str, Any]:
    """Expose a number."""
    more = {"category": category} if category else {}
    return {"access": 1, "label": name.title(), "name": name, "property": name, "type": "numeric", "unit": unit, **more}


def binary(name: str, on: Any, off: Any, access: int = 1) -> dict[str, Any]:
    """Expose what is on or off."""
    return {"access": access, "name": name, "property": name, "type": "binary", "value_off": off, "value_on": on}


LINK = numeric("linkquality", "lqi", "diagnostic")
BATTERY = [numeric("battery", "%", "diagnostic"), numeric("voltage", "mV", "diagnostic")]


def climate(wall: float) -> dict[str, Any]:
    """Measure as a sensor in the attic does; it tells of its battery within a day."""
    air = room(wall)
    measured = {"temperature": air.temperature_c - 3, "humidity": air.humidity_percent + 5}
    return {
        "battery": None,
        **{name: round(value, 2) for name, value in measured.items()},
        "linkquality": 96,
        "pressure": round(air.pressure_hpa),
        "voltage": None,
    }


def contact(wall: float) -> dict[str, Any]:
    """Look at a door that is opened now and then; true is closed."""
    is_open = wall % (CLOSED_SECONDS + OPEN_SECONDS) >= CLOSED_SECONDS
    return {"battery": 91, "contact": not is_open, "linkquality": 71, "voltage": 2985}


def plug(wall: float) -> dict[str, Any]:
    """Measure a kettle: mostly nothing."""
    period = KETTLE_SECONDS + COLD_SECONDS
    kettles, since = divmod(wall % 1e8, period)
    boils = since < KETTLE_SECONDS
    watts = KETTLE_WATTS if boils else STANDBY_WATTS
    watt_seconds = kettles * KETTLE_SECONDS * KETTLE_WATTS + min(since, KETTLE_SECONDS) * KETTLE_WATTS
    return {
        "current": round(watts / MAINS_VOLTS, 3),
        "energy": round(watt_seconds / 3.6e6, 2),
        "linkquality": 120,
        "power": watts,
        "state": "ON",
        "update": {"installed_version": 587757105, "latest_version": 587757105, "state": "idle"},
        "voltage": MAINS_VOLTS,
    }


DEVICES = {
    "climate": Device(
        "attic/climate",
        "0x00158d0000000002",
        "WSDCGQ11LM",
        [numeric("temperature", "°C"), numeric("humidity", "%"), numeric("pressure", "hPa"), *BATTERY, LINK],
        climate,
    ),
    "door": Device(
        "Back door", "0x00158d0000000003", "MCCGQ11LM", [binary("contact", False, True), *BATTERY, LINK], contact
    ),
    "plug": Device(
        "plug",
        "0x086bd70000000005",
        "E22xx",
        [
            {"features": [binary("state", "ON", "OFF", access=7)], "type": "switch"},
            numeric("power", "W"),
            numeric("current", "A"),
            numeric("voltage", "V"),
            numeric("energy", "kWh"),
            LINK,
        ],
        plug,
    ),
}


class ZigbeeBridge:
    """What a bridge with DEVICES says; time is an argument."""

    def __init__(self) -> None:
        """Have said nothing yet; `faults` are by device, and that of "" is the bridge's own."""
        self._faults: dict[str, tuple[str, float]] = {}
        self._away: set[str] = set()
        self._said: dict[str, tuple[float, Any]] = {}

    def fault(self, device: str, kind: str, now: float, seconds: float = FOREVER) -> None:
        """Let a device, or the bridge (""), be offline, say garbage, or clear that; raises ValueError."""
        if kind not in FAULTS:
            raise ValueError(f"expected a fault of {', '.join(FAULTS)}, got {kind}")
        self._faults[device] = (kind, now + seconds)

    def fault_at(self, device: str, now: float) -> str:
        """Name the fault of a device, or of the bridge (""), at a time."""
        kind, until = self._faults.get(device, ("clear", FOREVER))
        return kind if now < until else "clear"

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
            fault = self.fault_at(key, now)
            if (fault == "offline") != (key in self._away):
                self._away ^= {key}
                said.append(_availability(device, "offline" if key in self._away else "online"))
            state = device.state(wall)
            at, contact = self._said.get(key, (float("-inf"), None))
            if key in self._away or (now - at < STATE_SECONDS and state.get("contact") == contact):
                continue
            self._said[key] = (now, state.get("contact"))
            garbage = "garbage" in (fault, self.fault_at("", now))
            seen = datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            whole = dict(sorted({**state, "last_seen": seen}.items()))
            said.append(Said(device.name, random.choice(GARBAGE) if garbage else json.dumps(whole).encode()))
        return said


def entry(device: Device) -> dict[str, Any]:
    """Describe a device as `bridge/devices` does."""
    definition = {"description": device.model, "exposes": device.exposes, "model": device.model, "vendor": "simulated"}
    return {
        "definition": definition,
        "disabled": False,
        "friendly_name": device.name,
        "ieee_address": device.address,
        "interview_completed": True,
        "supported": True,
        "type": "EndDevice" if "battery" in device.state(0.0) else "Router",
    }


class ZigbeeBridges:
    """The bridges of the collectors that listen under `sim/`; a device goes by its source's name, as `zigbee_plug`."""

    def __init__(self, config: Config, collectors: Mapping[str, Mapping[str, Any]]) -> None:
        """Dial nobody yet."""
        self._at_broker: dict[str, tuple[ZigbeeBridge, MqttClient, str]] = {}
        self._targets: dict[str, tuple[str, str]] = {}
        for name, settings in collectors.items():
            base = str(settings["base_topic"])
            client = MqttClient(
                config.mqtt,
                f"{name}-bridge",
                connected=lambda name=name: self._introduce(name),  # type: ignore[misc]
                will=Will(f"{base}/bridge/state", b'{"state":"offline"}'),
            )
            self._at_broker[name] = (ZigbeeBridge(), client, base)
            self._targets |= {name: (name, "")} | {f"{name}_{key}": (name, key) for key in DEVICES}
        self.names = frozenset(self._targets)
        self._away: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="zigbee", daemon=True)

    def __enter__(self) -> "ZigbeeBridges":
        """Switch them on."""
        for _bridge, client, _base in self._at_broker.values():
            client.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take their power away."""
        self._stopping.set()
        self._thread.join()
        for _bridge, client, _base in self._at_broker.values():
            client.vanish()

    def fault(self, name: str, kind: str, seconds: float = FOREVER) -> None:
        """Let a bridge or one of its devices misbehave; raises ValueError."""
        collector, device = self._targets[name]
        self._at_broker[collector][0].fault(device, kind, time.monotonic(), seconds)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            now, wall = time.monotonic(), time.time()
            for name, (bridge, client, base) in self._at_broker.items():
                away = bridge.fault_at("", now) == "offline"
                if away != (name in self._away):
                    self._away ^= {name}
                    if away:
                        client.vanish()
                    else:
                        client.start()
                if not away:
                    for said in bridge.say(now, wall):
                        client.publish(f"{base}/{said.topic}", said.payload, retain=said.retain)

    def _introduce(self, name: str) -> None:
        bridge, client, base = self._at_broker[name]
        for said in bridge.introduce():
            client.publish(f"{base}/{said.topic}", said.payload, retain=said.retain)


def serves(_config: Config, collector: Mapping[str, Any]) -> bool:
    """Tell whether a collector listens to the simulator's bridge."""
    return str(collector.get("base_topic", "")).startswith("sim/")


def _availability(device: Device, state: str) -> Said:
    return Said(f"{device.name}/availability", json.dumps({"state": state}).encode(), retain=True)
