"""git, as somebody runs it whom this machine does not know."""

import os
import subprocess
from pathlib import Path

HERS = {f"GIT_{who}_{what}": "anna@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
BARE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
FOREIGN = ("GIT_", "PICKET", "DOCKER")


def git(folder: Path, *words: str, check: bool = True) -> str:
    """Run git in a folder; return all that it says, raise AssertionError when it fails."""
    done = subprocess.run(
        ["git", *words], cwd=folder, env=environment(), stdout=-1, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def environment() -> dict[str, str]:
    """Return an environment that knows neither this machine's settings nor its user."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN) or "SSH" in name}
    return {**kept, **HERS, **BARE}
