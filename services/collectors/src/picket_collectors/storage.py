"""The disk that the data folder is on: how full, how worn, how much is written to it, and whether it fails.

    dev/block/<major>:<minor>  -> .../mmcblk0/mmcblk0p2     a partition, in the folder of its disk
    block/mmcblk0/stat         the seventh number: sectors of 512 bytes written since the start
    block/mmcblk0/device/      type: SD or MMC    name: SC32G    date: 03/2021
                               life_time: 0x01 0x03      eMMC: tenths used up, of two kinds of cells; 0x0b: all of it
                               pre_eol_info: 0x01        eMMC: 1 normal, 2 most spare blocks used, 3 nearly all
    fs/ext4/mmcblk0p2/errors_count                       since the file system was made or last checked

An SD card says nothing of its wear. All of it can be read in a container, by anybody.
"""

import os
from contextlib import suppress
from pathlib import Path

from picket_collectors.board import number
from picket_collectors.kernel import text, words

SECTOR_BYTES = 512
WRITTEN = 6  # of a disk's statistics
TENTH_PERCENT = 10
DAY_SECONDS = 86_400
TELLING_DAYS = 1 / 24  # what is written while everything starts is no measure of a day


def storage(sys_root: Path, data_dir: str, uptime_seconds: float | None) -> dict[str, float | None]:
    """Return what is known, each figure for itself; None for what this kind of disk does not tell."""
    disk = disk_of(sys_root, data_dir)
    written_mb = written(disk / "stat") if disk else None
    days = (uptime_seconds or 0) / DAY_SECONDS
    errors = [number(file) for file in (sys_root / "fs/ext4").glob("*/errors_count")]
    return {
        **filesystem(data_dir),
        "filesystem_errors": sum(count or 0 for count in errors) if errors else None,
        "storage_written_mb": written_mb,
        "storage_written_mb_per_day": None if written_mb is None or days < TELLING_DAYS else written_mb / days,
        "storage_life_used_percent": life_used(disk / "device/life_time") if disk else None,
        "storage_pre_eol": pre_eol(disk / "device/pre_eol_info") if disk else None,
    }


def filesystem(data_dir: str) -> dict[str, float | None]:
    """Return how full the data folder's file system is, and whether the kernel has stopped writing to it."""
    try:
        disk = os.statvfs(data_dir)
    except OSError:  # nothing was written there yet
        return {"disk_used_percent": None, "filesystem_read_only": None}
    used = disk.f_blocks - disk.f_bfree
    return {
        "disk_used_percent": 100 * used / (used + disk.f_bavail) if used + disk.f_bavail else None,
        "filesystem_read_only": float(bool(disk.f_flag & os.ST_RDONLY)),
    }


def disk_of(sys_root: Path, data_dir: str) -> Path | None:
    """Return the folder of the data folder's disk; where that can't be told, of the first one, a card before all."""
    with suppress(OSError):
        device = Path(data_dir).stat().st_dev
        there = (sys_root / f"dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True)
        return there.parent if (there / "partition").exists() else there
    disks = [disk for disk in (sys_root / "block").glob("*") if (disk / "device").exists()]
    return min(disks, key=lambda disk: (not disk.name.startswith("mmcblk"), disk.name), default=None)


def described(disk: Path) -> str:
    """Say in words which disk it is: "mmcblk0 (SD SC32G 03/2021)"."""
    known = " ".join(" ".join(words(disk / "device" / key)) for key in ("type", "name", "model", "date"))
    return f"{disk.name} ({' '.join(known.split())})" if known.strip() else disk.name


def written(stat: Path) -> float | None:
    """Return the megabytes written since the start."""
    try:
        return int(words(stat)[WRITTEN]) * SECTOR_BYTES / 1e6
    except (IndexError, ValueError):
        return None


def life_used(life_time: Path) -> float | None:
    """Return how much of its life an eMMC has used up, to the next tenth, by the worse of its two kinds of cells."""
    tenths = [tenth for tenth in map(hexadecimal, words(life_time)) if tenth]
    return min(100.0, float(TENTH_PERCENT * max(tenths))) if tenths else None


def pre_eol(info: Path) -> float | None:
    """Return 1, 2 or 3; None for 0, which is "not defined"."""
    level = hexadecimal(text(info).strip())
    return float(level) if level else None


def hexadecimal(word: str) -> int | None:
    """Read "0x0b"."""
    try:
        return int(word, 16)
    except ValueError:
        return None
