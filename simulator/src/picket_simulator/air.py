"""The air of a simulated room: it follows the day, and somebody breathes in it. Time is an argument."""

import math
from typing import NamedTuple

DAY_SECONDS = 86_400.0


class Air(NamedTuple):
    """What sensors could measure of it."""

    temperature_c: float
    humidity_percent: float
    pressure_hpa: float
    eco2_ppm: float
    tvoc_ppb: float


def room(now: float) -> Air:
    """Return the air at a time in seconds: a swing over the day, and lesser ones that show within minutes."""
    day = math.sin(2 * math.pi * now / DAY_SECONDS)
    hour = math.sin(2 * math.pi * now / 2700)
    draught = math.sin(2 * math.pi * now / 97)
    return Air(
        temperature_c=21 + 1.5 * day + 0.3 * hour + 0.05 * draught,
        humidity_percent=45 - 6 * day - 2 * hour + 0.3 * draught,
        pressure_hpa=1013.2 + 4 * math.sin(2 * math.pi * now / (3 * DAY_SECONDS)) + 0.1 * hour,
        eco2_ppm=620 + 120 * day + 90 * hour + 8 * draught,
        tvoc_ppb=90 + 30 * day + 40 * hour + 4 * draught,
    )
