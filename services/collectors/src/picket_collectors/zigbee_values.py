"""What a Zigbee device's JSON says, in this house's names and units, as its `exposes` in `bridge/devices` describe it.

{"type": "numeric", "property": "voltage", "unit": "mV", "access": 1}          3035    voltage_v 3.035
{"type": "binary", "property": "contact", "value_on": false, "value_off": true}  false   open 1
{"type": "switch", "features": [{"type": "binary", "property": "state", ...}]}   "ON"    on 1
enum, text, list, composite, and settings (category "config")                  left out
a property that no expose describes                                            by its name and what it is

access    bit 0: the state says it, bit 1: it can be set, bit 2: it can be asked for
"""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from msgspec import Struct

from picket_collectors.part_name import part_name
from picket_collectors.source import Values

PUBLISHED = 1
SURELY_MILLIVOLTS = 500
MOST_VALUES = 64  # a device that makes up names is not to fill the database

# A unit as Zigbee2MQTT writes it, in lower case: how a name ends, and what a number is multiplied with and divided by.
UNITS: dict[str, tuple[str, int, int]] = {
    **dict.fromkeys(("°c", "oc", "c"), ("c", 1, 1)),
    **dict.fromkeys(("°f", "f"), ("c", 5, 9)),  # less 32 first
    "%": ("percent", 1, 1),
    **dict.fromkeys(("hpa", "mbar"), ("hpa", 1, 1)),
    "kpa": ("hpa", 10, 1),
    "pa": ("hpa", 1, 100),
    "v": ("v", 1, 1),
    "mv": ("v", 1, 1000),
    "a": ("a", 1, 1),
    "ma": ("a", 1, 1000),
    "w": ("w", 1, 1),
    "kw": ("w", 1000, 1),
    "wh": ("wh", 1, 1),
    "kwh": ("wh", 1000, 1),
    "kva": ("va", 1000, 1),
    "kvarh": ("varh", 1000, 1),
    **dict.fromkeys(("lx", "lux"), ("lux", 1, 1)),
    "μg/m3": ("ug_m3", 1, 1),
    "mg/m3": ("ug_m3", 1000, 1),
    "μs/cm": ("us_cm", 1, 1),
    "dba": ("db", 1, 1),
    "°": ("degrees", 1, 1),
    **dict.fromkeys(("m", "meter", "meters"), ("m", 1, 1)),
    "cm": ("m", 1, 100),
    "km/h": ("m_s", 10, 36),
    "g": ("kg", 1, 1000),
    **dict.fromkeys(("s", "sec", "second", "seconds"), ("seconds", 1, 1)),
    "ms": ("seconds", 1, 1000),
    **dict.fromkeys(("min", "min.", "minute", "minutes"), ("seconds", 60, 1)),
    **dict.fromkeys(("h", "hr", "hour", "hours"), ("seconds", 3600, 1)),
    **dict.fromkeys(("day", "days"), ("seconds", 86_400, 1)),
    "lqi": ("", 1, 1),
}
FAHRENHEIT = ("°f", "f")

NAMES = {"linkquality": "link_quality", "pm25": "pm2_5", "contact": "open", "state": "on"}
# What is told of the message itself, and what is no measurement.
LEFT_OUT = ("last_seen", "elapsed", "update_available")

# Without exposes: what Zigbee2MQTT calls a thing tells its unit, or that it is on or off.
USUAL_UNITS = {
    "temperature": "°C",
    "device_temperature": "°C",
    "local_temperature": "°C",
    "soil_temperature": "°C",
    "humidity": "%",
    "soil_moisture": "%",
    "pressure": "hPa",
    "battery": "%",
    "voltage": "V",
    "current": "A",
    "power": "W",
    "energy": "kWh",
    "illuminance": "lx",
    "co2": "ppm",
    "pm25": "µg/m³",
    "pm10": "µg/m³",
    "linkquality": "lqi",
}
USUAL_SWITCHES = (
    "contact",
    "occupancy",
    "presence",
    "vibration",
    "water_leak",
    "smoke",
    "gas",
    "tamper",
    "battery_low",
)

# What a device is called for its readings: the first of these that it measures.
KINDS = {
    "power_w": "energy",
    "energy_wh": "energy",
    "open": "contact",
    "occupancy": "motion",
    "presence": "motion",
    "water_leak": "leak",
    "smoke": "smoke",
    "gas": "gas",
    "vibration": "vibration",
    "co2_ppm": "air",
    "pm2_5_ug_m3": "air",
    "temperature_c": "climate",
    "humidity_percent": "climate",
    "illuminance_lux": "light",
    "locked": "lock",
    "on": "switch",
}


class Expose(Struct):
    """One entry of a device's `exposes`."""

    type: str = ""
    property: str = ""
    unit: str = ""
    category: str = ""
    access: int = PUBLISHED
    value_on: bool | int | float | str | None = None
    value_off: bool | int | float | str | None = None
    features: list["Expose"] = []


class Number(NamedTuple):
    """How a number is called and converted; `less` is taken from it first."""

    name: str
    less: int = 0
    times: int = 1
    by: int = 1

    def value(self, given: Any) -> float:
        """Convert a number; raises TypeError for what is none. One that no float can hold is infinite."""
        if isinstance(given, bool) or not isinstance(given, int | float):
            raise TypeError
        try:
            return round((float(given) - self.less) * self.times / self.by, 6)
        except OverflowError:
            return math.inf


class Switch(NamedTuple):
    """What is on and what is off, and how that is called."""

    name: str
    on: Any
    off: Any

    def value(self, given: Any) -> float:
        """Return 1 for on, 0 for off; raises TypeError for anything else."""
        # By type too: 1 is True in Python, and no other language would say so.
        for state, value in ((self.on, 1.0), (self.off, 0.0)):
            if given == state and isinstance(given, bool) == isinstance(state, bool):
                return value
        raise TypeError


Quantity = Number | Switch


def quantities(exposes: Iterable[Expose]) -> dict[str, Quantity | None]:
    """Return what each property is; None for one that is left out."""
    return {expose.property: _quantity(expose) for expose in _flat(exposes) if expose.property}


def read(state: Mapping[str, Any], known: Mapping[str, Quantity | None]) -> tuple[Values, frozenset[str]]:
    """Return a state's values by name, and the names of those that are switches; null stays unknown."""
    values: dict[str, float | None] = {}
    switches = set()
    for key, given in state.items():
        quantity = known[key] if key in known else _guess(key, given)
        if quantity is None or len(values) == MOST_VALUES:
            continue
        try:
            values[quantity.name] = None if given is None else quantity.value(given)
        except TypeError:
            continue  # a text where a number was promised
        if isinstance(quantity, Switch):
            switches.add(quantity.name)
    return values, frozenset(switches)


def kind_of(names: Iterable[str]) -> str:
    """Return what a device with these values measures."""
    return next((kind for name, kind in KINDS.items() if name in names), "zigbee")


def _flat(exposes: Iterable[Expose]) -> Iterator[Expose]:
    """Yield the exposes, those of a switch or a light among them; what has a property of its own is nested JSON."""
    for expose in exposes:
        if expose.features and not expose.property:
            yield from _flat(expose.features)
        else:
            yield expose


def _quantity(expose: Expose) -> Quantity | None:
    if expose.property in LEFT_OUT or not part_name(expose.property):
        return None
    if expose.category == "config" or not expose.access & PUBLISHED:
        return None
    match expose.type:
        case "numeric":
            return _number(expose.property, expose.unit)
        case "binary":
            return _switch(expose.property, expose.value_on, expose.value_off)
    return None


def _guess(key: str, given: Any) -> Quantity | None:
    """Say what a property is that no expose describes; None where that can't be known."""
    if key in LEFT_OUT or not part_name(key):
        return None
    if isinstance(given, bool) or (given is None and key in USUAL_SWITCHES):
        return _switch(key, key != "contact", key == "contact")
    if given in ("ON", "OFF"):
        return _switch(key, "ON", "OFF")
    if isinstance(given, int | float) or (given is None and key in USUAL_UNITS):
        millivolts = key == "voltage" and given is not None and given >= SURELY_MILLIVOLTS
        return _number(key, "mV" if millivolts else USUAL_UNITS.get(key, ""))
    return None


def _number(key: str, unit: str) -> Number:
    written = unicodedata.normalize("NFKC", unit).strip().lower()
    suffix, times, by = UNITS.get(written, (part_name(written.replace("μ", "u")), 1, 1))
    name = NAMES.get(key, part_name(key))
    if suffix and not f"_{name}".endswith(f"_{suffix}"):
        name = f"{name}_{suffix}"
    return Number(name, 32 if written in FAHRENHEIT else 0, times, by)


def _switch(key: str, on: Any, off: Any) -> Switch:
    """Name a switch: `state` is `on`, of a lock `locked`; `state_left` is `on_left`."""
    first, _, rest = key.partition("_")
    if on == "LOCK":
        first = "locked" if first == "state" else key
        rest = rest if first == "locked" else ""
    name = part_name(f"{NAMES.get(first, first)}_{rest}")
    return Switch(name, on, off)
