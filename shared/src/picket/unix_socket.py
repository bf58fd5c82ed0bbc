"""Where a Unix socket of a data folder lies."""

import tempfile
from hashlib import sha256
from pathlib import Path

LONGEST = 100  # characters; the kernel's bound is 108


def socket_path(folder: Path, name: str) -> Path:
    """Return the path of the socket `name` of a folder: in it, or elsewhere where the folder's path is too long."""
    beside = folder.absolute() / name
    if len(str(beside).encode()) < LONGEST:
        return beside
    return Path(tempfile.gettempdir()) / f"picket-{sha256(str(beside).encode()).hexdigest()[:12]}.sock"
