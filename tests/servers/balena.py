"""balena's own tools, from their npm packages: installed once, outside of this tree, with the lock's hashes."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.servers import npm

WANTED = Path(__file__).parents[1] / "balena"
INSTALL_SECONDS = 170


def install() -> Path:
    """Return the folder that holds the tools, after installing them where it is missing; raises NotInstalledError."""
    return npm.install(WANTED, "balena-tools", INSTALL_SECONDS)


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
