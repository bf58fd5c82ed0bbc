"""Install Debian's packages that tests need, where this user may; none of them starts a server by that."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

POLICY = Path("/usr/sbin/policy-rc.d")
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin"  # a PATH that has what only root needs


def find(program: str) -> str:
    """Return the path of a program, root's ones too; empty when it is not here."""
    return shutil.which(program, path=SBIN) or ""


def lacking(packages: Mapping[str, str]) -> list[str]:
    """Return the packages of those programs that are not here."""
    return [package for program, package in packages.items() if not find(program)]


def missing(look: Callable[[], list[str]]) -> str:
    """Install the packages that `look` finds lacking; return what is missing then, for people."""
    install_packages(look())
    still = look()
    return f"{', '.join(still)} not installed" if still else ""


def install_packages(names: Sequence[str]) -> None:
    """Install them; who asked looks for itself whether that went well."""
    if not names or os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet: dict[str, Any] = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True}
    with suppress(OSError), nothing_started():
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        # Two runs of tests stand side by side: one waits for the other's packages.
        patient = ["-o", "DPkg::Lock::Timeout=300"]
        command = ["apt-get", *patient, "install", "-y", "-qq", "--no-install-recommends", *names]
        subprocess.run(command, check=False, **quiet)


@contextmanager
def nothing_started() -> Iterator[None]:
    """Have Debian's packages start no servers meanwhile."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
