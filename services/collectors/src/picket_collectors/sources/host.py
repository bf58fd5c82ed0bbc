"""The device itself: its kernel (kernel.py), its board (board.py), its disk (storage.py); no figure needs a privilege.

Theory of operation. A supply that is too low is so for a second or two, and the kernel remembers it no longer: so the
board's flags are looked at every two seconds, their beginnings are counted here, and a change of one is told at once.
All else is read once an interval.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors import kernel
from picket_collectors.board import FLAGS, board, flags
from picket_collectors.edges import Edges
from picket_collectors.source import Part, Site
from picket_collectors.storage import described, disk_of, storage
from picket_collectors.store import Store

KIND = "host"
COUNTED = ("under_voltage", "throttled")
RANGES = {
    "cpu_percent": (0, 100),
    "load_1m": (0, 10_000),
    "memory_used_percent": (0, 100),
    "memory_available_mb": (0, 1_000_000),
    "memory_pressure_percent": (0, 100),
    "oom_kills": (0, 1e9),
    "disk_used_percent": (0, 100),
    "filesystem_read_only": (0, 1),
    "filesystem_errors": (0, 1e9),
    "storage_written_mb": (0, 1e10),
    "storage_written_mb_per_day": (0, 1e9),
    "storage_life_used_percent": (0, 100),
    "storage_pre_eol": (1, 3),
    "network_received_bytes_per_second": (0, 1.25e9),
    "network_sent_bytes_per_second": (0, 1.25e9),
    "uptime_seconds": (0, 1e10),
    "temperature_c": (-40, 125),
    "cpu_frequency_mhz": (1, 10_000),
    **dict.fromkeys(FLAGS, (0, 1)),
    **{f"{name}_count": (0, 1e9) for name in COUNTED},
}

LOOK_SECONDS = 2.0  # as often as the kernel asks a Raspberry Pi's firmware

log = logging.getLogger("host")


class Config(Section, frozen=True, tag="host", tag_field="kind"):
    """The device itself."""

    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 30


class Host:
    """Reads the machine's figures, each for itself: none that is missing takes another with it."""

    def __init__(
        self, config: Config, site: Site, sys_root: Path = Path("/sys"), proc_root: Path = Path("/proc")
    ) -> None:
        """Say which disk it is; rates are known from the second reading on."""
        self._site = site
        self._sys, self._proc = sys_root, proc_root
        self._interval = config.interval_seconds
        self._edges = Edges(COUNTED, Store(site))
        self._counters: kernel.Counters | None = None
        self._flags: Mapping[str, float | None] = {}
        self._read_at = self._look_at = site.clock()
        if disk := disk_of(sys_root, site.config.data_dir):
            log.info("the data folder is on %s", described(disk))

    def receive(self) -> Sequence[Part]:
        """Wait for the next look; read all when it is due, or when a flag has changed."""
        self._site.pause(max(0.0, self._look_at - self._site.clock()))
        now = self._site.clock()
        before, self._flags = self._flags, flags(self._sys)
        self._edges.look(self._flags, now)
        is_due = now >= self._read_at
        while self._read_at <= now:
            self._read_at += self._interval
        self._look_at = min(now + LOOK_SECONDS, self._read_at)
        if not is_due and self._flags == before:
            return []
        return [Part("", KIND, self._read(now), switches=frozenset(FLAGS))]

    def figures(self) -> Mapping[str, float]:
        """Add nothing to the health beat."""
        return {}

    def close(self) -> None:
        """Keep what was counted."""
        self._edges.save(self._site.clock())

    def _read(self, now: float) -> dict[str, float | None]:
        before, self._counters = self._counters, kernel.counters(self._proc, now)
        machine = kernel.machine(self._proc)
        counts = {
            f"{name}_count": None if self._flags[name] is None else float(count)
            for name, count in self._edges.counts.items()
        }
        return {
            **kernel.rates(before, self._counters),
            **machine,
            **storage(self._sys, self._site.config.data_dir, machine["uptime_seconds"]),
            **board(self._sys),
            **self._flags,
            **counts,
        }


def open_stream(config: Config, site: Site) -> Host:
    """Open the device itself."""
    return Host(config, site)
