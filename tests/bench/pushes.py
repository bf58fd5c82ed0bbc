"""A fleet whose releases are pushes of this tree and of changes to it, one after the other."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from base.images.build import ROOT, fetch_wheels
from picket_fleet.build.deltas import images_of
from picket_fleet.deltas.release import Image
from picket_fleet.home import Configuration, create
from picket_fleet.remote import repository
from picket_fleet.store import releases
from tests.bench.release import bump, copy_tree
from tests.servers.containers import arguments

PACKAGE = "jq"
BUILT = ("balena.yml",)


class Pushes:
    """A fleet in a folder, built by an engine; each release is named for what was changed."""

    def __init__(self, folder: Path, engine: str, device_type: str) -> None:
        """Make the fleet, and a clone to push from."""
        configuration = Configuration("bench", device_type, "https://127.0.0.1:8443", "127.0.0.1:0", engine)
        self.home = create(folder / "home", configuration)
        repository.create(self.home)
        self.tree = folder / "tree"
        fetch_wheels(ROOT)
        copy_tree(self.tree)
        for name in BUILT:
            shutil.copyfile(ROOT / name, self.tree / name)
        self._give_arguments()
        self._git("init", "--quiet", "--initial-branch=main")

    def push(self, change: Callable[[Path], None]) -> str:
        """Change the tree, push it, and return the release's commit id."""
        change(self.tree)
        self._git("add", "--all", "--force")
        identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
        self._git(*identity, "commit", "--quiet", "--message", "bench")
        self._git("push", "--quiet", str(self.home.repository), "HEAD:refs/heads/main")
        database = self.home.database()
        try:
            return releases.find(database, "latest").commit_id
        finally:
            database.close()

    def images(self, commit_id: str) -> list[Image]:
        """Return a release's images."""
        database = self.home.database()
        try:
            return images_of(database, commit_id)
        finally:
            database.close()

    def _give_arguments(self) -> None:
        """Have the builder take this machine's base and mirror, as `make image` does."""
        given = [f"{name}={value}" for name, value in arguments().items()]
        file = self.tree / ".balena" / "balena.yml"
        file.parent.mkdir()
        file.write_text(json.dumps({"build-variables": {"global": given}}))

    def _git(self, *words: str) -> None:
        done = subprocess.run(["git", "-C", str(self.tree), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"git {words[0]}: {done.stderr[-2000:]}"


class Dependency:
    """Goes back to an older version of a dependency, and then on to the lock's."""

    def older(self, tree: Path) -> None:
        """Take the version before the lock's."""
        bump(tree)

    def newer(self, tree: Path) -> None:
        """Take the lock's."""
        shutil.copyfile(ROOT / "base/requirements.lock", tree / "base/requirements.lock")
        shutil.rmtree(tree / "var/wheels")
        shutil.copytree(ROOT / "var/wheels", tree / "var/wheels")


def add_package(tree: Path) -> None:
    """Install one more of Debian's packages."""
    file = tree / "base/Dockerfile"
    text, count = re.subn(r"(install\.sh python3\b)", rf"\1 {PACKAGE}", file.read_text(), count=1)
    assert count, f"{file} installs nothing"
    file.write_text(text)


def add_remark(tree: Path) -> None:
    """Change what the builder's cache goes by, of the first step on, and nothing that is built."""
    with (tree / "base/images/install.sh").open("a") as file:
        file.write("# built anew\n")
