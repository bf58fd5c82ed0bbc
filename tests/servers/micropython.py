"""MicroPython's unix port, as Debian 13 has it: it runs the program of a node on this machine.

Where it is not installed, its package and those it needs are unpacked into a cache, from the mirror that this machine's
apt uses, with apt's checks and a state of apt's own: nothing of the machine changes, and it needs no root. It is run
with the C library that it was built for.
"""

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

NAME = "micropython"
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "picket" / NAME
FETCH_SECONDS = 120


def command() -> list[str]:
    """Return what runs a program of MicroPython's; nothing where it can't be had."""
    if installed := shutil.which(NAME):
        return [installed]
    if not CACHE.exists() and shutil.which("apt-get") and shutil.which("dpkg"):
        _unpack()
    loaders = sorted(CACHE.glob("usr/lib*/ld-linux*.so.*"))
    libraries = [str(folder) for folder in CACHE.glob("usr/lib/*-linux-gnu*")]
    if not loaders or not libraries:
        return []
    return [str(loaders[0]), "--library-path", ":".join(libraries), str(CACHE / "usr/bin" / NAME)]


def _unpack() -> None:
    """Fill the cache, whole or not at all."""
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    for mirror in _mirrors():
        with (
            tempfile.TemporaryDirectory(dir=CACHE.parent) as scratch,
            suppress(subprocess.SubprocessError, OSError),
        ):
            folder = Path(scratch)
            for part in ("lists/partial", "cache/archives/partial", "root"):
                (folder / part).mkdir(parents=True)
            (folder / "sources").write_text(f"deb [signed-by={KEYRING}] {mirror} {SUITE} main\n")
            _run(folder, "apt-get", "update")
            needed = [
                line.split()[-1]
                for line in _run(folder, "apt-cache", "depends", NAME).splitlines()
                if "Depends:" in line and "<" not in line
            ]
            _run(folder, "apt-get", "download", NAME, *needed)
            for package in folder.glob("*.deb"):
                subprocess.run(["dpkg", "-x", str(package), str(folder / "root")], check=True, capture_output=True)
            (folder / "root").rename(CACHE)
            return


def _mirrors() -> Iterator[str]:
    """Name the mirrors of Debian's own suite, not of its updates."""
    query = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages", "Component: main"]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    pairs = [line.split() for line in found.splitlines()]
    yield from dict.fromkeys(mirror for mirror, suite in pairs if "-" not in suite)


def _run(folder: Path, program: str, *arguments: str) -> str:
    options = {
        "Dir::Etc::SourceList": folder / "sources",
        "Dir::Etc::SourceParts": "-",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": getpass.getuser(),
        "Acquire::Languages": "none",
    }
    given = [text for name, value in options.items() for text in ("-o", f"{name}={value}")]
    return subprocess.run(
        [program, "-qq", *given, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=FETCH_SECONDS,
    ).stdout
