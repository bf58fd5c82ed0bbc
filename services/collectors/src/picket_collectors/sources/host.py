"""The device itself: load, memory, disk, network, temperature and the supply's under-voltage.

The kernel's figures of the machine come through psutil, which in a container are the host's too, but for the
network (the container's own) and the disk (that of the data folder). The board's come from sysfs, where numbers
move between kernels, so a sensor is found by what it says of itself:

    /sys/class/thermal/thermal_zone<n>/type   cpu-thermal      temp                thousandths of a degree
    /sys/class/hwmon/hwmon<n>/name            rpi_volt         in0_lcrit_alarm     1: below 4.63 V in the last seconds
    /sys/devices/system/cpu/cpu0/cpufreq/                      scaling_cur_freq    kHz
"""

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

from msgspec import Meta

from picket.config.schema import Section
from picket_collectors.source import Site, Values

KIND = "host"
RANGES = {
    "cpu_percent": (0, 100),
    "load_1m": (0, 10_000),
    "memory_used_percent": (0, 100),
    "memory_available_mb": (0, 1_000_000),
    "disk_used_percent": (0, 100),
    "network_received_bytes_per_second": (0, 1.25e9),
    "network_sent_bytes_per_second": (0, 1.25e9),
    "uptime_seconds": (0, 1e10),
    "temperature_c": (-40, 125),
    "cpu_frequency_mhz": (1, 10_000),
    "under_voltage": (0, 1),
}

CPU_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "x86_pkg_temp")


class Config(Section, frozen=True, tag="host", tag_field="kind"):
    """The device itself."""

    interval_seconds: Annotated[float, Meta(ge=1, le=86_400)] = 30


class Traffic(NamedTuple):
    """Bytes since the interfaces came up, and when they were counted."""

    at: float
    received: int
    sent: int


class Host:
    """Reads the machine's figures; what a board does not have is None."""

    def __init__(self, site: Site, sys_root: str = "/sys") -> None:
        """Look at nothing yet; rates are known from the second sample on."""
        self._site = site
        self._sys = Path(sys_root)
        self._traffic: Traffic | None = None

    def sample(self) -> Values:
        """Return what is known now, each figure for itself: none that fails takes another with it."""
        return {**self._machine(), **self._network(), **board(self._sys)}

    def figures(self) -> Mapping[str, float]:
        """Add nothing to the health beat."""
        return {}

    def close(self) -> None:
        """Leave all as it is."""

    def _machine(self) -> dict[str, float | None]:
        import psutil

        # psutil counts from the call before, so its first answer means nothing.
        cpu_percent = psutil.cpu_percent()
        memory = psutil.virtual_memory()
        return {
            "cpu_percent": None if self._traffic is None else cpu_percent,
            "load_1m": os.getloadavg()[0],
            "memory_used_percent": memory.percent,
            "memory_available_mb": memory.available / 1e6,
            "disk_used_percent": self._disk_used_percent(),
            "uptime_seconds": time.clock_gettime(time.CLOCK_BOOTTIME),
        }

    def _disk_used_percent(self) -> float | None:
        import psutil

        try:
            return psutil.disk_usage(self._site.config.data_dir).percent
        except OSError:
            return None  # nothing was written there yet

    def _network(self) -> dict[str, float | None]:
        before, now = self._traffic, traffic(self._site.clock())
        self._traffic = now
        return {
            "network_received_bytes_per_second": rate(before, now, "received"),
            "network_sent_bytes_per_second": rate(before, now, "sent"),
        }


def traffic(now: float) -> Traffic:
    """Count the bytes of all interfaces, but for those that never left the machine."""
    import psutil

    counters = [c for name, c in psutil.net_io_counters(pernic=True, nowrap=False).items() if name != "lo"]
    return Traffic(now, sum(c.bytes_recv for c in counters), sum(c.bytes_sent for c in counters))


def rate(before: Traffic | None, now: Traffic, what: str) -> float | None:
    """Return bytes per second; None at first, and when an interface came or went and took its count with it."""
    if before is None or now.at <= before.at:
        return None
    difference: int = getattr(now, what) - getattr(before, what)
    return difference / (now.at - before.at) if difference >= 0 else None


def board(sys_root: Path) -> dict[str, float | None]:
    """Read what the board says of itself in sysfs."""
    return {
        "temperature_c": temperature(sys_root),
        "cpu_frequency_mhz": number(sys_root / "devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", per_unit=1000),
        "under_voltage": under_voltage(sys_root),
    }


def temperature(sys_root: Path) -> float | None:
    """Return the processor's degrees Celsius, else those of the first zone that answers."""
    zones = sorted(named(sys_root / "class/thermal", "thermal_zone*", "type"), key=_rank)
    readings = (number(zone / "temp", per_unit=1000) for zone, _ in zones)
    return next((degrees for degrees in readings if degrees is not None), None)


def under_voltage(sys_root: Path) -> float | None:
    """Return 1 while a Raspberry Pi's supply is too low, 0 while it is not; None on another board."""
    for folder, name in named(sys_root / "class/hwmon", "hwmon*", "name"):
        if name == "rpi_volt":
            return number(folder / "in0_lcrit_alarm")
    return None


def named(parent: Path, pattern: str, key: str) -> Iterator[tuple[Path, str]]:
    """Yield each folder of a class with what it says it is."""
    for folder in sorted(parent.glob(pattern)):
        try:
            yield folder, (folder / key).read_text(encoding="utf-8").strip()
        except OSError:
            continue  # it went away between the two looks


def number(file: Path, per_unit: float = 1) -> float | None:
    """Read a file that holds one number; None where the board has no such file, or it does not answer."""
    try:
        return float(file.read_text(encoding="utf-8")) / per_unit
    except (OSError, ValueError):
        return None


def _rank(zone: tuple[Path, str]) -> int:
    return CPU_ZONES.index(zone[1]) if zone[1] in CPU_ZONES else len(CPU_ZONES)


def open_source(_config: Config, site: Site) -> Host:
    """Open the device itself."""
    return Host(site)
