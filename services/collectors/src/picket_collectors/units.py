"""The units that a quantity's name ends with, and what can be true of each: `soil_temperature_c` is in degrees Celsius.

One unit a quantity (never Fahrenheit, kW or mV), so that whoever reads a value has nothing to convert.
"""

Range = tuple[float, float]

UNITS: dict[str, Range] = {
    "c": (-200, 1400),
    "percent": (0, 100),
    "hpa": (300, 1200),
    "bar": (0, 500),
    "ppm": (0, 100_000),
    "ppb": (0, 1_000_000),
    "ug_m3": (0, 10_000),
    "lux": (0, 200_000),
    "db": (0, 200),
    "dbm": (-200, 50),
    "v": (-1000, 1000),
    "a": (-1000, 1000),
    "w": (-1_000_000, 1_000_000),
    "wh": (0, 1e12),
    "hz": (0, 1e10),
    "m": (-500, 10_000),
    "mm": (0, 1_000_000),
    "m_s": (0, 150),
    "degrees": (0, 360),
    "l": (0, 1e9),
    "l_min": (0, 100_000),
    "kg": (0, 1_000_000),
    "ph": (0, 14),
    "us_cm": (0, 1_000_000),
    "seconds": (0, 1e10),
    "bytes": (0, 1e15),
    "count": (0, 1e15),
    "link_quality": (0, 255),
}
SWITCHES = ("open", "motion", "wet", "on", "on_battery")  # 1 or 0


def unit_of(quantity: str) -> str | None:
    """Return the unit that a name ends with, or is: the longest, for `m_s` ends with `s`; None for no known one."""
    found = [unit for unit in (*UNITS, *SWITCHES) if f"_{quantity}".endswith(f"_{unit}")]
    return max(found, key=len, default=None)


def is_switch(quantity: str) -> bool:
    """Tell whether a quantity is on (1) or off (0)."""
    return unit_of(quantity) in SWITCHES


def range_of(quantity: str) -> Range | None:
    """Return the least and the most that can be true of a quantity; None for one without a known unit."""
    unit = unit_of(quantity)
    return None if unit is None else UNITS.get(unit, (0, 1))
