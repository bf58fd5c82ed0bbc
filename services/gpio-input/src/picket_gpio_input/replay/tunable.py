"""Which settings of an input can be tuned, and what to try for each: found in the schema, whatever the kind."""

from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec

from picket.config.schema import Input

FACTORS = (0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0)
AROUND_ZERO = (0.0, 0.05, 0.1, 0.2, 0.4)

# Not to be tuned: where the input is and what its wiring says; and what follows a motion that is believed already, or
# shuts a noisy input off, for that would hide false trips instead of avoiding them.
LEFT_ALONE = ("channel", "hold", "warm_up", "short_", "open_", "fault_", "debounce", "hysteresis", "chatter", "swinger")


def tunable(settings: Input) -> list[str]:
    """Return the names of the numeric settings that decide whether a motion is believed."""
    hints = get_type_hints(type(settings), include_extras=True)
    return [
        field.name
        for field in msgspec.structs.fields(settings)
        if number(hints[field.name])
        and not field.name.startswith(LEFT_ALONE)
        and not (field.name == "window_seconds" and settings.pulses == 1)  # one pulse needs no window
    ]


def values(settings: Input, name: str) -> list[float]:
    """Return what to try: values around the default, within the bounds of the schema, and the present one."""
    field = next(field for field in msgspec.structs.fields(settings) if field.name == name)
    hint = get_type_hints(type(settings), include_extras=True)[name]
    present = getattr(settings, name)
    default = field.default if isinstance(field.default, int | float) else present
    if default is None:
        return []
    if number(hint) is int:
        tried = {float(n) for n in range(max(0, int(default) - 2), int(default) + 4)}
    else:
        tried = {float(f"{default * factor:.2g}") for factor in FACTORS} if default else set(AROUND_ZERO)
    tried |= set() if present is None else {present}
    return [value for value in sorted(number(hint)(value) for value in tried) if fits(value, hint)]


def changed(settings: Input, name: str, value: float) -> Input:
    """Return other settings; with `on_above_volts`, `off_below_volts` keeps its share."""
    if getattr(settings, name) == value:
        return settings
    changes = {name: value}
    off, on = getattr(settings, "off_below_volts", None), getattr(settings, "on_above_volts", None)
    if name == "on_above_volts" and off is not None and on:
        changes["off_below_volts"] = round(off / on * value, 3)
    return msgspec.structs.replace(settings, **changes)


def number(hint: Any) -> Any:
    """Return int or float, for a field of such numbers, else None."""
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if plain in (int, float):
        return plain
    numbers = [n for n in map(number, get_args(plain)) if n] if NoneType in get_args(plain) else []
    return numbers[0] if numbers else None


def fits(value: float, hint: Any) -> bool:
    """Tell whether a value is within the bounds of a field."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def different(settings: Input, other: Input) -> Iterator[tuple[str, Any]]:
    """Yield the settings that differ, with their values."""
    for field in msgspec.structs.fields(settings):
        value = getattr(settings, field.name)
        if value != getattr(other, field.name):
            yield field.name, value
