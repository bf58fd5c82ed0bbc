"""A node that watches itself: put your sensors in SENSORS, and what they can measure in RANGES."""

import gc
import json
import time

import board
from picket_node import Node

VERSION = "1.0"


def chip_temperature_c():
    """Return the processor's own temperature; None on a board that has no such sensor."""
    try:
        from esp32 import mcu_temperature
    except ImportError:
        return None
    return mcu_temperature()


def free_memory_bytes():
    """Return how much memory is left."""
    gc.collect()
    return gc.mem_free()


class Uptime:
    """How long this program has been running; ticks begin anew after some days, and the clock may be set meanwhile."""

    def __init__(self):
        """Begin now."""
        self._milliseconds = 0
        self._counted_at = time.ticks_ms()

    def seconds(self):
        """Return seconds; to be called at least once a day."""
        now = time.ticks_ms()
        self._milliseconds += time.ticks_diff(now, self._counted_at)
        self._counted_at = now
        return self._milliseconds / 1000


SENSORS = (
    ("chip_temperature_c", chip_temperature_c),
    ("free_memory_bytes", free_memory_bytes),
    ("uptime_seconds", Uptime().seconds),
)
RANGES = {"chip_temperature_c": [-40, 125]}
WATCHED = ()

with open("settings.json") as file:  # noqa: PTH123 - boards have no pathlib
    settings = json.load(file)
node = Node(settings, SENSORS, RANGES, WATCHED, board.about(VERSION), board.network(settings), board.watchdog())
node.log("starts")
node.run()
