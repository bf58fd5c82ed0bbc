"""balena's own tools, from their npm packages: installed once, outside of this tree, with the lock's hashes."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.home import Home
from tests.servers import npm
from tests.servers.npm import NotInstalledError

WANTED = Path(__file__).parents[1] / "balena"
INSTALL_SECONDS = 170
CALL_SECONDS = 170.0


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


class CommandLine:
    """balena's command line, a person of a fleet logged in."""

    def __init__(self, folder: Path, home: Home, token: str) -> None:
        """Log in to the fleet; leaves tests out where there is no such command line."""
        try:
            self._tools = install()
        except NotInstalledError as error:
            pytest.skip(f"*** balena's command line is left out: {error} ***")
        self._folder = folder
        address = home.configuration.address
        self._settings = {
            "BALENARC_API_URL": address,
            "BALENARC_BUILDER_URL": address,
            "BALENARC_BALENA_URL": address.removeprefix("https://"),
            "NODE_EXTRA_CA_CERTS": str(home.certificate),
        }
        self("login", "--token", token)

    def __call__(self, *words: str, **environment: str) -> str:
        """Run a command; return what it says, raise AssertionError when it fails."""
        settings = {**self._settings, **environment}
        return balena(self._tools, *words, folder=self._folder, seconds=CALL_SECONDS, **settings)

    def refused(self, *words: str) -> str:
        """Run a command that is to fail; return what it says."""
        try:
            said = self(*words)
        except AssertionError as error:
            return str(error)
        raise AssertionError(f"it was not refused: {said}")


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
