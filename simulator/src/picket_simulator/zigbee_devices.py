"""The devices of the simulated Zigbee2MQTT: a climate sensor whose battery is not known yet, a contact, and a plug."""

from collections.abc import Callable
from typing import Any, NamedTuple

from picket_simulator.air import room

OPEN_SECONDS, CLOSED_SECONDS = 6.0, 34.0
KETTLE_SECONDS, COLD_SECONDS = 45.0, 200.0
KETTLE_WATTS, STANDBY_WATTS, MAINS_VOLTS = 1870.0, 1.2, 231.0

State = Callable[[float], dict[str, Any]]


class Device(NamedTuple):
    """A device, and what it says at a time of the wall clock."""

    name: str
    address: str
    model: str
    exposes: list[dict[str, Any]]
    state: State


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
