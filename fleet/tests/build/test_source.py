"""A commit's files: what no commit has is refused, and nothing leads out of it."""

import io
import tarfile
from pathlib import Path

import pytest

from picket_fleet.build.errors import RefusedError
from picket_fleet.build.normalise import EPOCH
from picket_fleet.build.source import Source


def source_of(folder: Path, files: dict[str, str], links: dict[str, str] | None = None) -> Source:
    return Source(tar_of(folder, [(name, tarfile.REGTYPE, text) for name, text in files.items()], links or {}))


def tar_of(folder: Path, files: list[tuple[str, bytes, str]], links: dict[str, str]) -> Path:
    file = folder / "source.tar"
    with tarfile.open(file, "w") as tar:
        for name, kind, text in files:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mtime, member.uid = kind, len(text), 1_790_000_000, 1234
            tar.addfile(member, io.BytesIO(text.encode()))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return file


def context(source: Source, folder: Path, *arguments: object) -> dict[str, tarfile.TarInfo]:
    file = folder / "context.tar"
    source.context(arguments[0], file, arguments[1], arguments[2] if len(arguments) > 2 else {})  # type: ignore[arg-type]
    with tarfile.open(file) as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../escape", tarfile.REGTYPE),
        ("a/../../escape", tarfile.REGTYPE),
        ("/etc/cron.d/escape", tarfile.REGTYPE),
        ("a//b", tarfile.REGTYPE),
        ("a/.git/hooks/pre-receive", tarfile.REGTYPE),
        ("hard", tarfile.LNKTYPE),
        ("device", tarfile.CHRTYPE),
        ("pipe", tarfile.FIFOTYPE),
        ("twice", tarfile.REGTYPE),
    ],
)
def test_what_no_commit_has_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    file = tar_of(tmp_path, [("twice", tarfile.REGTYPE, ""), (name, kind, "")], {})

    with pytest.raises(RefusedError, match="no path that git would have"):
        Source(file)


def test_a_link_is_not_followed_here_but_given_to_the_builder(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"Dockerfile": "FROM x"}, {"docker-compose.yml": "/etc/passwd"})

    with pytest.raises(RefusedError, match="a link is not followed"):
        source.text("docker-compose.yml")
    assert context(source, tmp_path, "", "Dockerfile")["docker-compose.yml"].linkname == "/etc/passwd"


def test_the_builder_sees_a_folder_without_dates_and_owners(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"hub/Dockerfile": "FROM x", "hub/src/a.py": "1", "relay/b.py": "2"})

    seen = context(source, tmp_path, "hub", "hub/Dockerfile")

    assert list(seen) == ["Dockerfile", "src", "src/a.py"]
    assert {(member.mtime, member.uid) for member in seen.values()} == {(EPOCH, 0)}


def test_dockerignore_at_the_top_counts_but_never_for_the_dockerfile(tmp_path: Path) -> None:
    ignore = "# only what is needed\n*\n!hub\n**/tests\n"
    files = {".dockerignore": ignore, "hub/a.py": "", "hub/tests/b.py": "", "c.py": "", "base/Dockerfile": ""}

    seen = context(source_of(tmp_path, files), tmp_path, "", "base/Dockerfile")

    assert [name for name, member in seen.items() if member.isreg()] == [".dockerignore", "base/Dockerfile", "hub/a.py"]


def test_a_template_is_seen_filled_in(tmp_path: Path) -> None:
    source = source_of(tmp_path, {"Dockerfile.template": "FROM %%BALENA_ARCH%%"})
    source.context("", tmp_path / "context.tar", "Dockerfile.template", {"Dockerfile.template": "FROM aarch64"})

    with tarfile.open(tmp_path / "context.tar") as tar:
        found = tar.extractfile("Dockerfile.template")
        assert found and found.read() == b"FROM aarch64"
