"""What the variables of a UPS say, which Network UPS Tools calls alike for all makes.

battery.charge "100"         %, s, V, °C: NUT's units are ours
ups.status "OB DISCHRG LB"   words, one a flag
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from picket_collectors.source import Values

QUANTITIES = {
    "battery_percent": ("battery.charge",),
    "runtime_seconds": ("battery.runtime",),
    "load_percent": ("ups.load",),
    "input_voltage_v": ("input.voltage",),
    "output_voltage_v": ("output.voltage",),
    "battery_voltage_v": ("battery.voltage",),
    "temperature_c": ("ups.temperature", "battery.temperature"),
}
FLAGS = {
    "on_battery": "OB",
    "low_battery": "LB",
    "charging": "CHRG",
    "discharging": "DISCHRG",
    "replace_battery": "RB",
    "overload": "OVER",
    "bypass": "BYPASS",
    "forced_shutdown": "FSD",
}


def values(variables: Mapping[str, str]) -> Values:
    """Return what the variables of a UPS say; what it does not have, or does not know, is None."""
    quantities = {name: number(variables, sources) for name, sources in QUANTITIES.items()}
    return {**quantities, **flags(variables.get("ups.status", ""))}


def flags(status: str) -> Values:
    """Read "OB DISCHRG LB"; whose driver still waits says nothing, and where the power comes from needs OL or OB."""
    words = set(status.split())
    if not words or "WAIT" in words:
        return dict.fromkeys(FLAGS)
    flags: dict[str, float | None] = {name: float(word in words) for name, word in FLAGS.items()}
    return flags if words & {"OL", "OB"} else {**flags, "on_battery": None}


def number(variables: Mapping[str, str], names: Sequence[str]) -> float | None:
    """Return the first of these variables that is a number."""
    for name in names:
        with suppress(KeyError, ValueError):
            return float(variables[name])
    return None
