"""Install Debian's packages that tests need, where this user may; none of them starts a server by that."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

POLICY = Path("/usr/sbin/policy-rc.d")


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
