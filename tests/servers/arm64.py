"""arm64 on another machine: Debian's qemu runs its programs, once the kernel knows to hand them over. It needs root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KERNEL = Path("/proc/sys/fs/binfmt_misc")
OURS = "picket-aarch64"
# The first twenty bytes of an ELF file for aarch64; the file's type, and what systems put into the padding, may differ.
MAGIC = rb"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"
MASK = rb"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
# Opened at once and kept (F), so that it is there in containers too; permissions are the program's own (OC).
FLAGS = b"OCF"


class NotHereError(RuntimeError):
    """No program for arm64 can be run on this machine; the text says why."""


@contextmanager
def runnable(folder: Path) -> Iterator[None]:
    """Have the kernel run arm64's programs meanwhile; raises NotHereError."""
    if os.uname().machine == "aarch64":
        yield
        return
    if os.geteuid():
        raise NotHereError("having the kernel run arm64's programs needs root")
    if not (KERNEL / "register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", str(KERNEL)], capture_output=True, check=False)
    if not (KERNEL / "register").exists():
        raise NotHereError("this kernel has no binfmt_misc")
    if any("qemu-aarch64" in entry.name for entry in KERNEL.iterdir()):
        yield
        return
    line = b":".join([b"", OURS.encode(), b"M", b"", MAGIC, MASK, str(qemu(folder)).encode(), FLAGS])
    (KERNEL / "register").write_bytes(line)
    try:
        yield
    finally:
        (KERNEL / OURS).write_text("-1")


def qemu(folder: Path) -> Path:
    """Return Debian's emulator, unpacked into a folder and not installed; raises NotHereError."""
    if found := shutil.which("qemu-aarch64-static"):
        return Path(found)
    steps = (["apt-get", "update", "-qq"], ["apt-get", "download", "-qq", "qemu-user-static"])
    for step in steps:
        done = subprocess.run(step, cwd=folder, capture_output=True, text=True, check=False)
    packages = list(folder.glob("qemu-user-static_*.deb"))
    if not packages:
        raise NotHereError(f"Debian's qemu-user-static can't be had: {done.stderr[-200:]}")
    subprocess.run(["dpkg", "-x", str(packages[0]), str(folder / "qemu")], check=True)
    return folder / "qemu/usr/bin/qemu-aarch64-static"
