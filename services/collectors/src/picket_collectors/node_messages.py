"""The messages of a node, taken apart: what can be taken of one, and why the rest can't.

    info      {"board": "ESP32", "version": "1.0", "quantities": {"temperature_c": [-40, 85], "open": null}}
    reading   {"temperature_c": 21.5, "humidity_percent": null, "time": "2026-03-01T06:30:00Z"}

A quantity's name ends with its unit (units.py); its value is a number or null, and within what the unit allows and,
where the node's info lists its quantities, within what it says of this one.
"""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from picket.config.schema import Name
from picket_collectors.log_lines import one_line
from picket_collectors.source import Values
from picket_collectors.units import Range, is_switch, range_of

MOST_BYTES = 8192
MOST_QUANTITIES = 32
LONGEST_SHOWN = 40

Quantities = Mapping[str, Range]


class Refusal(NamedTuple):
    """What is not taken, and why: `key` is "" for all of it."""

    key: str
    text: str

    def __str__(self) -> str:
        """Put it into words."""
        return f"{shown(self.key)}: {self.text}" if self.key else self.text


def read_object(payload: bytes) -> tuple[dict[str, Any], list[Refusal]]:
    """Read a JSON object; an empty one where it is none."""
    if len(payload) > MOST_BYTES:
        return {}, [Refusal("", f"expected {MOST_BYTES} bytes at most, got {len(payload)}")]
    try:
        found = json.loads(payload.decode())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return {}, [Refusal("", f"expected a JSON object, got {shown(payload)}")]
    return found, []


def read_values(reading: Mapping[str, Any], quantities: Quantities) -> tuple[Values, list[Refusal]]:
    """Return the values that can be taken, by name, and what can't."""
    if not 1 <= len(reading) <= MOST_QUANTITIES:
        return {}, [Refusal("", f"expected 1 to {MOST_QUANTITIES} quantities, got {len(reading)}")]
    values: dict[str, float | None] = {}
    refusals = []
    for key, value in reading.items():
        if why := _why_not(key, value, quantities):
            refusals.append(Refusal(key, why))
        else:
            values[key] = None if value is None else float(value)
    return values, refusals


def read_quantities(given: Any) -> tuple[Quantities, list[Refusal]]:
    """Read what a node says that it measures: [least, most] by name, null for whatever the unit allows."""
    if given is None:
        return {}, []
    if not isinstance(given, dict) or not 1 <= len(given) <= MOST_QUANTITIES:
        return {}, [Refusal("quantities", f"expected an object with 1 to {MOST_QUANTITIES} names, got {shown(given)}")]
    quantities: dict[str, Range] = {}
    refusals = []
    for name, bounds in given.items():
        allowed = range_of(name) if is_name(name) else None
        match bounds:
            case _ if allowed is None:
                refusals.append(Refusal(name, "expected a name that ends with its unit"))
            case None:
                quantities[name] = allowed
            case [int() | float() as low, int() | float() as high] if low < high:
                quantities[name] = (max(low, allowed[0]), min(high, allowed[1]))
            case _:
                refusals.append(Refusal(name, f"expected [least, most] or null, got {shown(bounds)}"))
    return ({}, refusals) if refusals else (quantities, [])


def read_time(given: Any) -> tuple[int, list[Refusal]]:
    """Return nanoseconds of UTC; 0 for none."""
    if given is None:
        return 0, []
    try:
        moment = datetime.fromisoformat(given)
        if moment.tzinfo is not None:
            # By whole microseconds: a float has none to spare for nanoseconds.
            since = moment - datetime(1970, 1, 1, tzinfo=UTC)
            return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000, []
    except (TypeError, ValueError, OverflowError):
        pass
    return 0, [Refusal("time", f"expected UTC as 2026-03-01T06:30:00Z, got {shown(given)}")]


def is_name(text: str) -> bool:
    """Tell whether a text is a name of the configuration's kind."""
    try:
        msgspec.convert(text, Name)
    except msgspec.ValidationError:
        return False
    return True


def shown(given: Any) -> str:
    """Show what was got, in some characters that can't harm a log."""
    text = given.decode(errors="backslashreplace") if isinstance(given, bytes) else str(given)
    return one_line(text, LONGEST_SHOWN)


def _why_not(key: str, value: Any, quantities: Quantities) -> str:
    """Say what was expected of a value; "" for one as it should be."""
    allowed = range_of(key) if is_name(key) else None
    if allowed is None:
        return "expected a name that ends with its unit, as temperature_c"
    if quantities and key not in quantities:
        return "expected one of the quantities in its info"
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"expected a number or null, got {shown(json.dumps(value))}"
    low, high = quantities.get(key, allowed)
    if not low <= value <= high or not math.isfinite(value) or (is_switch(key) and value not in (0, 1)):
        return f"expected {'0 or 1' if is_switch(key) else f'{low:g} to {high:g}'}, got {shown(value)}"
    return ""
