"""The agent's folder: files that are wholly the old one or wholly the new one, whatever happens."""

import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from picket_fleet.errors import FleetError

Kept = TypeVar("Kept")


class Progress(msgspec.Struct, frozen=True):
    """What the agent began last."""

    step: str
    release: str = ""  # commit
    services: tuple[str, ...] = ()


class Rejected(msgspec.Struct, frozen=True):
    """A target that failed on this device."""

    target: str  # Release.digest
    release: str  # commit
    reason: str


class Folder:
    """What the agent keeps."""

    def __init__(self, path: Path) -> None:
        """Make what is missing."""
        self.path = path
        self.images = path / "images"
        self.downloads = path / "downloads"
        for folder in (self.images, self.downloads):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def claim(self) -> None:
        """Keep other agents out until this process ends; raises FleetError where one is at work."""
        self._claimed = (self.path / ".lock").open("ab")
        try:
            fcntl.flock(self._claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FleetError(f"{self.path}: another agent is at work here") from None

    def begin(self, progress: Progress) -> None:
        """Write down what is begun now, before it is."""
        if progress != self.progress():
            write(self.path / "progress.json", msgspec.json.encode(progress))

    def progress(self) -> Progress:
        """Return what was begun last."""
        return self.kept("progress.json", Progress) or Progress("idle")

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, if there is one."""
        with suppress(FileNotFoundError):
            return (self.path / name).read_bytes()
        return None

    def kept(self, name: str, kind: type[Kept]) -> Kept | None:
        """Return what a file of JSON says, if there is one that makes sense: a card may have lost it."""
        data = self.read(name)
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(data, type=kind) if data else None
        return None

    def write(self, name: str, data: bytes) -> None:
        """Replace a file."""
        write(self.path / name, data)

    def rejected(self) -> Rejected | None:
        """Return the target that failed last, if it was not forgotten since."""
        return self.kept("rejected.json", Rejected)

    def reject(self, rejected: Rejected | None) -> None:
        """Remember a target that failed, or forget it."""
        if rejected:
            write(self.path / "rejected.json", msgspec.json.encode(rejected))
        else:
            (self.path / "rejected.json").unlink(missing_ok=True)

    def keep_config(self, image: str, config: bytes) -> None:
        """Keep the config of an image that is brought here."""
        file = self.images / f"{image}.json"
        if not file.exists():
            write(file, config)

    def config(self, image: str) -> bytes | None:
        """Return the config of an image that was brought here."""
        return self.read(f"images/{image}.json")

    def own_images(self) -> set[str]:
        """Return the ids of the images that were brought here."""
        return {file.stem for file in self.images.glob("*.json")}

    def forget_image(self, image: str) -> None:
        """Take an image as removed."""
        (self.images / f"{image}.json").unlink(missing_ok=True)

    def clear_downloads(self, keep: Iterable[str] = ()) -> None:
        """Remove downloads, whole and half, but those of these names."""
        kept = set(keep)
        for file in self.downloads.iterdir():
            if file.name.removesuffix(".part") not in kept:
                shutil.rmtree(file) if file.is_dir() else file.unlink()


def write(file: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace a file's content such that after a power cut it is the old or the new one."""
    fresh = file.with_name(f".{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(file)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sync(folder: Path) -> None:
    """Make the disk that holds `folder` hold all that was written to it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs", str(folder))
    finally:
        os.close(descriptor)
