"""The image that tests build on: a busybox that needs no library, and nothing else."""

import io
import tarfile
from pathlib import Path

import pytest

from tests.servers.dockerd import Api
from tests.servers.packages import find, missing

NAME = "picket-test/busybox:1"
PACKAGE = "busybox-static"
FOLDERS = ("bin", "data", "dev", "etc", "proc", "sys", "tmp")
PROGRAMS = ("cat", "date", "dd", "mkdir", "rm", "sh", "sleep", "test", "touch", "wc")


def program() -> Path:
    """Return where this machine has its busybox, if it has one."""
    return Path(find("busybox") or "/bin/busybox")


def lacking() -> list[str]:
    """Return the package that is to be installed, or nothing."""
    is_static = program().exists() and b"/ld-linux" not in program().read_bytes()[:4096]
    return [] if is_static else [PACKAGE]


def load(host: str) -> None:
    """Give the engine at an address the image, unless it has it; leaves tests out where there is no such busybox."""
    if lacks := missing(lacking):
        pytest.skip(f"*** WHAT IS BUILT ON A BUSYBOX IS LEFT OUT: {lacks} ***")
    repository, _, tag = NAME.partition(":")
    with Api(base_url=host, version="auto", timeout=60) as api:
        if not api.images(NAME):
            api.import_image_from_data(_file_system(), repository=repository, tag=tag)


def _file_system() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
        tar.add(program(), "bin/busybox")
        for name in PROGRAMS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return out.getvalue()
