"""Programs from npm, by their lock: installed once, outside of this tree."""

import os
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path


class NotInstalledError(RuntimeError):
    """npm is missing, or brings nothing; the text says so for people."""


def install(wanted: Path, name: str, seconds: float) -> Path:
    """Return a folder with what a package-lock.json asks for, a copy of `wanted`; raises NotInstalledError."""
    lock = (wanted / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / f"picket/{name}-{sha256(lock).hexdigest()[:12]}"
    if folder.exists():
        return folder
    npm = shutil.which("npm")
    if not npm:
        raise NotInstalledError("npm is not installed")
    half = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        shutil.copytree(wanted, half)
        command = [npm, "ci", "--loglevel=error"]
        done = subprocess.run(command, cwd=half, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode:
            raise NotInstalledError(f"npm does not bring {name}: {done.stderr[-300:]}")
        if not folder.exists():  # nobody was quicker
            half.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"npm did not bring {name} within {seconds:.0f} s") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder
