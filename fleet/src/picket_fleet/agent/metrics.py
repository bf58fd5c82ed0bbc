"""How the machine is, in balena's words: percent, MB, degrees."""

import os
import socket
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

MB = 1 << 20
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "aarch64", "armv7l": "armv7hf", "armv6l": "rpi"}


def architecture() -> str:
    """Return balena's name of the machine's architecture."""
    machine = os.uname().machine
    return ARCHITECTURES.get(machine, machine)


def os_version() -> str:
    """Return the name of the operating system."""
    with suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            if line.startswith("PRETTY_NAME="):
                return line.partition("=")[2].strip('"')
    return ""


def facts(server: tuple[str, int]) -> dict[str, Any]:
    """Return what hardly changes."""
    return {
        "os_version": os_version(),
        "supervisor_version": f"picket {version('picket-fleet')}",
        "ip_address": _address(server),
    }


def measure(folder: Path) -> dict[str, Any]:
    """Return what changes all the time; `folder` is on the disk that is meant."""
    memory = _memory()
    disk = os.statvfs(folder)
    found: dict[str, Any] = {
        "cpu_usage": min(100, round(100 * os.getloadavg()[0] / (os.cpu_count() or 1))),
        "memory_total": memory.get("MemTotal", 0) // 1024,
        "memory_usage": (memory.get("MemTotal", 0) - memory.get("MemAvailable", 0)) // 1024,
        "storage_total": disk.f_blocks * disk.f_frsize // MB,
        "storage_usage": (disk.f_blocks - disk.f_bfree) * disk.f_frsize // MB,
    }
    with suppress(OSError, ValueError):
        found["cpu_temp"] = round(int(Path("/sys/class/thermal/thermal_zone0/temp").read_text()) / 1000)
    return found


def _memory() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines}


def _address(server: tuple[str, int]) -> str:
    """Return the address that this machine has towards the server; nothing is sent."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(server)
        return str(probe.getsockname()[0])
    return ""
