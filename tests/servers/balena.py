"""balena's own tools, from their npm packages: installed once, outside of this tree, with the lock's hashes."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

WANTED = Path(__file__).parents[1] / "balena"
INSTALL_SECONDS = 170


class NotInstalledError(RuntimeError):
    """npm is missing, or brings nothing; the text says so for people."""


def install() -> Path:
    """Return the folder that holds the tools, after installing them where it is missing; raises NotInstalledError."""
    lock = (WANTED / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / f"picket/balena-tools-{sha256(lock).hexdigest()[:12]}"
    if folder.exists():
        return folder
    npm = shutil.which("npm")
    if not npm:
        raise NotInstalledError("npm is not installed")
    half = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        shutil.copytree(WANTED, half)
        done = subprocess.run(
            [npm, "ci"], cwd=half, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if done.returncode:
            raise NotInstalledError(f"npm does not bring balena's tools: {done.stderr[-300:]}")
        if not folder.exists():  # nobody was quicker
            half.rename(folder)
    except subprocess.TimeoutExpired as error:
        raise NotInstalledError(f"npm did not bring balena's tools within {INSTALL_SECONDS} s") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return folder


def judge(tools: Path, compositions: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Have @balena/compose judge compositions: {name: {refused} or {composition, contracts}}."""
    done = subprocess.run(
        ["node", str(tools / "parse.js")],
        input=json.dumps(compositions),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    verdicts: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return verdicts


def balena(tools: Path, *words: str, folder: Path, seconds: float, **environment: str) -> str:
    """Run balena's command line, with settings of its own in `folder`; return what it said, raises AssertionError."""
    done = subprocess.run(
        [str(tools / "node_modules/.bin/balena"), *words],
        env={
            **os.environ,
            "BALENARC_DATA_DIRECTORY": str(folder),
            "BALENARC_NO_SENTRY": "1",
            "BALENARC_NO_ANALYTICS": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    return said
