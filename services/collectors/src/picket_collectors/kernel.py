"""What Linux says of the machine in /proc; in a container too, but for the network, which is the container's own.

stat              cpu  <user> <nice> <system> <idle> <iowait> <irq> <softirq> <steal> ...   ticks since the start
loadavg           0.31 ...
uptime            90211.42 ...                                          seconds
meminfo           MemTotal:  <n> kB    MemAvailable:  <n> kB
net/dev           eth0: <received bytes> <7 more> <sent bytes> ...
pressure/memory   some avg10=0.00 avg60=1.25 ...                        percent of the time; not in every kernel
vmstat            oom_kill 2                                            processes killed for want of memory
"""

import re
from pathlib import Path
from typing import NamedTuple

IDLE = (3, 4)  # of the processor's ticks: idle, and waiting for a disk
COUNTED = 8  # what guests take is in the user's already
RECEIVED, SENT = 0, 8  # of an interface's columns


class Counters(NamedTuple):
    """What only ever grows, and when it was counted."""

    at: float
    busy_ticks: int
    ticks: int
    received: int
    sent: int


def counters(proc_root: Path, now: float) -> Counters | None:
    """Count the processor's ticks, and the bytes of all interfaces but for those that never left the machine."""
    try:
        ticks = [int(text) for text in words(proc_root / "stat")[1 : 1 + COUNTED]]
        lines = (proc_root / "net/dev").read_text(encoding="utf-8").splitlines()[2:]
        traffic = [row.split() for name, _, row in (line.partition(":") for line in lines) if name.strip() != "lo"]
        received, sent = (sum(int(row[column]) for row in traffic) for column in (RECEIVED, SENT))
        return Counters(now, sum(ticks) - sum(ticks[column] for column in IDLE), sum(ticks), received, sent)
    except (OSError, ValueError, IndexError):
        return None


def rates(before: Counters | None, now: Counters | None) -> dict[str, float | None]:
    """Return what the counters say of the time between; unknown at first, and when an interface went with its count."""
    rates: dict[str, float | None] = {
        "cpu_percent": None,
        "network_received_bytes_per_second": None,
        "network_sent_bytes_per_second": None,
    }
    if not before or not now or now.at <= before.at:
        return rates
    ticks, seconds = now.ticks - before.ticks, now.at - before.at
    if ticks > 0:
        rates["cpu_percent"] = min(100.0, max(0.0, 100 * (now.busy_ticks - before.busy_ticks) / ticks))
    for what in ("received", "sent"):
        bytes_ = getattr(now, what) - getattr(before, what)
        if bytes_ >= 0:
            rates[f"network_{what}_bytes_per_second"] = bytes_ / seconds
    return rates


def machine(proc_root: Path) -> dict[str, float | None]:
    """Return what /proc says of this moment, each figure for itself: what a kernel does not tell is None."""
    memory = text(proc_root / "meminfo")
    total = figure(memory, r"^MemTotal: +([0-9]+) kB")
    available = figure(memory, r"^MemAvailable: +([0-9]+) kB")
    used = None if not total or available is None else 100 * (total - available) / total
    return {
        "load_1m": figure(text(proc_root / "loadavg"), r"^([0-9.]+)"),
        "memory_used_percent": used,
        "memory_available_mb": available * 1024 / 1e6 if available is not None else None,
        "memory_pressure_percent": figure(text(proc_root / "pressure/memory"), r"^some .*avg60=([0-9.]+)"),
        "oom_kills": figure(text(proc_root / "vmstat"), r"^oom_kill ([0-9]+)"),
        "uptime_seconds": figure(text(proc_root / "uptime"), r"^([0-9.]+)"),
    }


def text(file: Path) -> str:
    """Return a file's text; "" where there is none, or it does not answer."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def words(file: Path) -> list[str]:
    """Return the words of a file's first line."""
    return text(file).partition("\n")[0].split()


def figure(among: str, pattern: str) -> float | None:
    """Return the number that a pattern finds."""
    found = re.search(pattern, among, re.MULTILINE)
    return float(found[1]) if found else None
