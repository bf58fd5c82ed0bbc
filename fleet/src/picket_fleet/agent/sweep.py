"""Remove what a load that was killed leaves behind, and no prune of the engine finds; only while the engine is stopped.

    <root>/overlay2/<64 hex>[-init]     a folder that neither a layer nor a container names as its own
    <root>/overlay2/l/<26 letters>      a short link to such a folder
    <root>/image/overlay2/layerdb/tmp   what was to become a layer

Folders of BuildKit have other names. A running engine holds a lock on its list of volumes.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from picket_fleet.errors import FleetError

FOLDER = re.compile(r"[0-9a-f]{64}(-init)?")


def sweep(root: Path) -> list[str]:
    """Remove the leftovers in an engine's folder and return their names; raises FleetError when the engine runs."""
    layers = root / "image/overlay2/layerdb"
    if not layers.is_dir():
        return []
    with _stopped(root):
        named = _named(layers)
        orphans = [
            path for path in (root / "overlay2").iterdir() if FOLDER.fullmatch(path.name) and path.name not in named
        ]
        orphans += (layers / "tmp").iterdir() if (layers / "tmp").is_dir() else []
        for orphan in orphans:
            shutil.rmtree(orphan, ignore_errors=True)
        for link in (root / "overlay2/l").glob("*"):
            if link.is_symlink() and not link.exists():
                link.unlink()
    return [orphan.name for orphan in orphans]


def _named(layers: Path) -> set[str]:
    """Return the folders that belong to something."""
    files = [*layers.glob("sha256/*/cache-id"), *layers.glob("mounts/*/mount-id"), *layers.glob("mounts/*/init-id")]
    return {file.read_text().strip() for file in files}


@contextmanager
def _stopped(root: Path) -> Iterator[None]:
    """Keep the engine from starting meanwhile; raises FleetError when it runs."""
    file = root / "volumes/metadata.db"
    if not file.exists():
        yield
        return
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise FleetError("the engine runs: leftovers can be told from work only when it is stopped") from None
    finally:
        os.close(descriptor)
