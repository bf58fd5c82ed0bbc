"""A fleet with a repository to push to, and a project that is pushed."""

import re
import subprocess
from pathlib import Path
from urllib.parse import quote

from picket_fleet import home as homes
from picket_fleet.home import Configuration, Home
from picket_fleet.remote import repository
from picket_fleet.store import images, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Release
from tests.servers.busybox import NAME as BASE
from tests.servers.git import git

COMPOSE = """\
version: "2.4"
services:
  hub:
    build: hub
  relay:
    build: {context: ., dockerfile: relay/Dockerfile, args: {PLACE: hall}}
"""
PROJECT = {
    "docker-compose.yml": COMPOSE,
    "balena.yml": "name: house\ntype: sw.application\nversion: 1.2.3\n",
    "hub/Dockerfile": f"FROM {BASE}\nRUN mkdir -p /opt/made && echo made > /opt/made/now\nCOPY hub.py /opt/\n",
    "hub/hub.py": "".join(f"line {number}\n" for number in range(200)),
    "relay/Dockerfile": f'FROM {BASE}\nARG PLACE\nRUN echo $PLACE > /place\nCMD ["cat", "/place"]\n',
}


class House:
    """A fleet, and a working copy whose remote `fleet` it is."""

    def __init__(self, folder: Path, engine: str, port: int = 8443) -> None:
        place = f"127.0.0.1:{port}"
        configuration = Configuration("house", "genericx86-64-ext", f"https://{place}", place, engine)
        self.home: Home = homes.create(folder / "fleet", configuration)
        repository.create(self.home)
        self.copy = folder / "copy"
        self.copy.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "fleet", str(self.home.repository))

    def git(self, *words: str, check: bool = True) -> str:
        """Run git in the working copy; return all that it says."""
        return git(self.copy, *words, check=check)

    def commit(self, files: dict[str, str]) -> str:
        """Write files, commit them, and return the commit."""
        for name, text in files.items():
            path = self.copy / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=a change")
        return self.git("rev-parse", "HEAD").strip()

    def push(self, *words: str, check: bool = True) -> str:
        """Push, as a person does; return what is seen, without git's own decoration."""
        refs = [word for word in words if ":" in word] or ["main"]
        said = self.git("push", *(word for word in words if ":" not in word), "fleet", *refs, check=check)
        return re.sub(r" +$", "", said, flags=re.MULTILINE)

    def meddle(self, python: str) -> None:
        """Have the hook run something first."""
        folder = self.home.folder / "meddled"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(python)
        hook = self.home.repository / "hooks" / "pre-receive"
        hook.write_text(hook.read_text().replace("exec", f"export PYTHONPATH={folder}\nexec"))

    @property
    def tip(self) -> str:
        """The commit that the fleet's main names, or nothing."""
        command = ["git", f"--git-dir={self.home.repository}", "rev-parse", "--quiet", "--verify", "refs/heads/main"]
        return subprocess.run(command, stdout=-1, text=True, check=False).stdout.strip()

    def releases(self) -> list[Release]:
        """Return all releases, the newest first."""
        with opened(self.home) as database:
            return releases.everyone(database)

    def images(self, release: Release) -> dict[str, str]:
        """Return the ids of a release's images by service."""
        with opened(self.home) as database:
            return {image.service: image.image_id for image in images.of(database, release.id)}


class opened:  # noqa: N801
    """A fleet's database, for a while."""

    def __init__(self, home: Home) -> None:
        self._database = home.database()

    def __enter__(self) -> Database:
        return self._database

    def __exit__(self, *_: object) -> None:
        self._database.close()


def with_token(address: str, token: str) -> str:
    """Return the address of a remote with a token in it."""
    return address.replace("://", f"://me:{quote(token)}@")
