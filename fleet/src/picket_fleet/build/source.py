"""A commit's files, read where they lie in a tar: nothing that was pushed ever becomes a file of this machine.

So no link and no path in it can lead anywhere; links go to the builder as the links that they are.
"""

import io
import os
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from docker.utils.build import PatternMatcher

from picket_fleet.build.errors import RefusedError
from picket_fleet.build.normalise import EPOCH

MOST_BYTES = 4 << 30
PIECE = 1 << 20


class Source:
    """The files of a tar as `git archive` writes it; raises RefusedError for one that it would not write."""

    def __init__(self, file: Path) -> None:
        """Read what is in it."""
        self._tar = tarfile.open(file, "r:")  # noqa: SIM115
        self.files: dict[str, tarfile.TarInfo] = {}
        self.folders = {""}
        for member in self._tar:
            self._add(member)

    def _add(self, member: tarfile.TarInfo) -> None:
        path = member.name
        parts = path.split("/")
        if path in self.files or {"", ".", "..", ".git"} & set(parts) or member.isdev() or member.islnk():
            raise RefusedError(f"{path[:200]!r}: no path that git would have in a commit")
        self.folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))
        if member.isdir():
            self.folders.add(path)
        else:
            self.files[path] = member

    def text(self, path: str) -> str | None:
        """Return a file's text, or None where there is no such file; raises RefusedError for a link, and no text."""
        if path not in self.files:
            return None
        found = self._tar.extractfile(self.files[path]) if self.files[path].isreg() else None
        if found is None:
            raise RefusedError(f"{path}: a link is not followed")
        try:
            return found.read().decode()
        except UnicodeDecodeError:
            raise RefusedError(f"{path}: no UTF-8 text") from None

    def first(self, *paths: str) -> str:
        """Return the first of some paths that there is, or ""."""
        return next((path for path in paths if path in self.files), "")

    def context(self, folder: str, file: Path, dockerfile: str, replaced: Mapping[str, str]) -> None:
        """Write what the builder is to see of a folder, but what the project's .dockerignore leaves out.

        `dockerfile` is seen in any case, `replaced` has other texts for files. All times are the same.
        """
        patterns = [line.strip() for line in (self.text(".dockerignore") or "").splitlines()]
        ignored: Any = PatternMatcher(
            [line for line in patterns if line and not line.startswith("#")] + [f"!{dockerfile}"]
        )
        prefix = f"{folder}/" if folder else ""
        paths = [path for path in sorted(self.files) if path.startswith(prefix) and not ignored.matches(path)]
        with tarfile.open(file, "x:", format=tarfile.PAX_FORMAT) as out:
            for path in paths_with_folders(paths, prefix):
                member = _member(path.removeprefix(prefix), self.files.get(path))
                if path in replaced:
                    member.size = len(replaced[path].encode())
                    out.addfile(member, io.BytesIO(replaced[path].encode()))
                else:
                    out.addfile(member, self._tar.extractfile(self.files[path]) if member.isreg() else None)

    def close(self) -> None:
        """Close the tar."""
        self._tar.close()


def archive(commit: str, file: Path, still_there: Callable[[], None]) -> Source:
    """Write a commit's files to `file`; git's environment says in which repository it is. Raises RefusedError."""
    # The mode of a file is then no matter of who runs this.
    command = ["git", "-c", "tar.umask=0022", "archive", "--format=tar", commit]
    size = 0
    with file.open("xb") as out, subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as git:
        assert git.stdout
        while piece := git.stdout.read(PIECE):
            still_there()
            out.write(piece)
            size += len(piece)
            if size > MOST_BYTES:
                git.kill()
                raise RefusedError(f"the commit's files are more than {MOST_BYTES >> 30} GiB")
    if git.returncode:
        raise RefusedError(f"git can't read commit {commit}")
    return Source(file)


def paths_with_folders(paths: list[str], prefix: str) -> list[str]:
    """Return paths with the folders that they are in, each once and before what is in it."""
    folders = {path[:at] for path in paths for at in range(len(prefix), len(path)) if path[at] == "/"}
    return sorted({*paths, *folders})


def _member(name: str, like: tarfile.TarInfo | None) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mtime = EPOCH
    if like is None:
        member.type, member.mode = tarfile.DIRTYPE, 0o755
    else:
        member.type, member.mode, member.size, member.linkname = like.type, like.mode, like.size, like.linkname
    return member
