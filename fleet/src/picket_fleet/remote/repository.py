"""The fleet's bare repository, whose hooks build what is pushed, and tell what becomes of it."""

import os
import shlex
import subprocess
import sys

from picket_fleet.errors import FleetError
from picket_fleet.home import Home

SETTINGS = {
    "receive.advertisePushOptions": "true",  # git push -o draft
    "receive.fsckObjects": "true",  # paths that git itself would not have made
    "receive.maxInputSize": str(1 << 30),
    "receive.keepAlive": "5",  # so that a connection that broke during a long build is noticed
    "gc.auto": "0",  # not while somebody waits for a build
}
HOOK = """#!/bin/sh
# Builds what is pushed, and refuses the push when that fails. Written by the fleet: it is written anew at its start.
exec {python} -P -m picket_fleet.remote.receive {folder}
"""
WATCH = """#!/bin/sh
# Tells who pushed with -o watch how the release is rolled out. Written by the fleet: it is written anew at its start.
env | grep -q '^GIT_PUSH_OPTION_[0-9]*=watch$' || exit 0
exec {python} -P -m picket_fleet.remote.watch {folder}
"""
HOOKS = {"pre-receive": HOOK, "post-receive": WATCH}


def create(home: Home) -> None:
    """Make the repository, or bring its settings and its hook up to date; raises FleetError."""
    command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(home.repository)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    _run(command, environment)
    for name, value in SETTINGS.items():
        _run(["git", f"--git-dir={home.repository}", "config", name, value], environment)
    hooks = home.repository / "hooks"
    hooks.mkdir(exist_ok=True)
    for name, text in HOOKS.items():
        aside = hooks / f"{name}.new"
        aside.write_text(text.format(python=shlex.quote(sys.executable), folder=shlex.quote(str(home.folder))))
        aside.chmod(0o755)
        aside.replace(hooks / name)


def _run(command: list[str], environment: dict[str, str]) -> None:
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise FleetError("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise FleetError(f"git: {error.stderr.strip()}") from None
