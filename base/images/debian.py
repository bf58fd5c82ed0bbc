"""Make the Debian base where Docker Hub can't be reached: `python -m base.images.debian [--arch arm64]`.

Much like the official debian:bookworm-slim: debootstrap's least variant, without documents and translations, from the
mirror that this machine's apt uses; the image itself names none. It needs root and debootstrap.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from base.images.engine import EPOCH, import_layer

RELEASE = "bookworm"
NAME = "picket-debian"
SOURCES = "# Empty: who installs something here names a mirror (the build's DEBIAN_MIRROR).\n"
NOT_NEEDED = (
    "usr/share/doc/*/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/lintian/*",
    "usr/share/locale/*",
    "var/cache/apt/*",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/*",
    "var/lib/apt/lists/*",
    "var/lib/dpkg/*-old",
    "var/log/*",
    "etc/machine-id",
    "etc/hostname",
    "etc/resolv.conf",
)
# dpkg leaves documents and translations out of what is installed later, too.
EXCLUDE = (
    "".join(f"path-exclude /{pattern}\n" for pattern in NOT_NEEDED[:5]) + "path-include /usr/share/doc/*/copyright\n"
)


def mirror() -> str:
    """Return the mirror that this machine's apt uses for Debian; "" where it uses none."""
    command = ["apt-get", "indextargets", "--format", "$(SITE)", f"Codename: {RELEASE}", "Identifier: Packages"]
    try:
        sites = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    except OSError:
        sites = []
    return sites[0].rstrip("/") if sites else ""


def make(arch: str, name: str) -> str:
    """Make the base and return the image's id."""
    debootstrap = shutil.which("debootstrap", path=f"{os.environ['PATH']}:/usr/sbin")
    if not debootstrap or os.geteuid():
        sys.exit("base-image: needs root and debootstrap (Debian: apt-get install debootstrap)")
    if not mirror():
        sys.exit(f"base-image: this machine's apt has no source of Debian's {RELEASE}")
    with tempfile.TemporaryDirectory(prefix="picket-base-") as folder:
        root = Path(folder, "root")
        # What it mounts must not outlast it: the folder is deleted however it ends.
        command = [debootstrap, "--variant=minbase", f"--arch={arch}", RELEASE, str(root), mirror()]
        subprocess.run(["unshare", "--mount", *command], check=True, stdout=sys.stderr)
        (root / "etc/apt/sources.list").write_text(SOURCES)
        (root / "etc/dpkg/dpkg.cfg.d/docker").write_text(EXCLUDE)
        for pattern in NOT_NEEDED:
            for path in root.glob(pattern):
                if path.name == "copyright":
                    continue
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        layer = Path(folder, "layer.tar")
        tar = ["tar", "--sort=name", "--numeric-owner", f"--mtime=@{EPOCH}", "--clamp-mtime", "--exclude=./dev/*"]
        subprocess.run([*tar, "-C", str(root), "-cf", str(layer), "."], check=True)
        return import_layer(layer, arch, name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the Debian base image with debootstrap.")
    parser.add_argument("--arch", default="amd64", help="Debian's name of the architecture (amd64)")
    parser.add_argument("--name", default="", help=f"the image's name ({NAME}:{RELEASE}, for others than amd64 -ARCH)")
    arguments = parser.parse_args()
    ending = "" if arguments.arch == "amd64" else f"-{arguments.arch}"
    print(make(arguments.arch, arguments.name or f"{NAME}:{RELEASE}{ending}"))  # noqa: T201
