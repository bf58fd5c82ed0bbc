"""What root does before it is given up: hand over devices and folders, and let plugged-in devices be seen.

The nodes of `devices:` are the container's own: their new owner is nobody's business outside. In a privileged container
the kernel's devtmpfs is mounted, where nodes come and go with their plugs: those are the host's, and stay as they are;
the user picket reaches them by their group.
"""

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

USER = 8300  # as in the Dockerfile
DIALOUT = 20  # the group of serial ports, in Debian as in balenaOS
KEPT = (Path("/data"), Path("/device"), Path("/broker-key"))
LOCKS = Path("/tmp/balena")
SYS_ADMIN = 1 << 21


def drop(run: Path) -> None:
    """Hand over, then be the user picket for good; `run` is a folder for what needs not outlive the container."""
    run.mkdir(parents=True, exist_ok=True)
    os.chown(run, USER, USER)
    for folder in KEPT:
        hand_over(folder)
    for output in (1, 2):  # the engine's pipes, which supervisord and rsyslogd open anew
        with suppress(OSError):
            os.fchown(output, USER, USER)
    if LOCKS.is_dir():
        LOCKS.chmod(0o1777)  # balena's supervisor and the guard each put their lock there, and remove only their own
    if may_mount():
        see_plugs()
    else:
        for node in Path("/dev").glob("i2c-*"):
            os.chown(node, USER, USER)
    become_picket()


def become_picket() -> None:
    """Give root up for good."""
    os.setgroups([USER, DIALOUT])
    os.setgid(USER)
    os.setuid(USER)
    os.environ.update(USER="picket", HOME="/data")


def hand_over(folder: Path) -> None:
    """Make a folder the user's, with all that an earlier owner left in it."""
    if not folder.is_dir() or folder.stat().st_uid == USER:
        return
    for path in (folder, *folder.rglob("*")):
        with suppress(OSError):
            os.chown(path, USER, USER, follow_symlinks=False)


def may_mount() -> bool:
    """Tell whether this container is privileged."""
    rows = Path("/proc/self/status").read_text().splitlines()
    row: Mapping[str, str] = dict(line.split(":\t", 1) for line in rows if ":\t" in line)
    return bool(int(row["CapEff"], 16) & SYS_ADMIN)


def see_plugs() -> None:
    """Mount the kernel's own view of the devices over the copies that were made at the container's start."""
    subprocess.run(["mount", "-t", "devtmpfs", "devtmpfs", "/dev"], check=False)
