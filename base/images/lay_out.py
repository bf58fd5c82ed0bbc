"""In a build stage: lay rooms out in a folder that will be a layer: `lay_out.py TARGET ROOM...`.

A room's modules are compiled, with bytecode that depends on no times; a room gets the metadata that an installed
distribution has (its version, and the entry points by which commands and collectors are found). `--plain` copies a
folder as it is. All times are SOURCE_DATE_EPOCH, all modes those of a checkout that anybody may read.
"""

import compileall
import os
import shutil
import sys
import tomllib
from pathlib import Path
from py_compile import PycInvalidationMode


def lay_out(room: Path, target: Path) -> None:
    """Copy a room's packages, compile them, and write its metadata."""
    shutil.copytree(
        room / "src", target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    project = tomllib.loads((room / "pyproject.toml").read_text())["project"]
    metadata = target / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = project.get("entry-points", {}) | {"console_scripts": project.get("scripts", {})}
    lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))


def settle(layer: Path) -> None:
    """Give every file the same time and a plain mode."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in sorted([layer, *layer.rglob("*")], reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (epoch, epoch))


def main() -> None:
    """Do as the arguments say."""
    plain = sys.argv[1] == "--plain"
    target, *rooms = (Path(argument) for argument in sys.argv[1 + plain :])
    layer = Path(*target.parts[:2])  # /delta
    shutil.rmtree(layer, ignore_errors=True)  # this stage began with the packages' own
    target.mkdir(parents=True)
    for room in rooms:
        if plain:
            shutil.copytree(room, target, dirs_exist_ok=True)
        else:
            lay_out(room, target)
    if not plain:
        mode = PycInvalidationMode.UNCHECKED_HASH
        compileall.compile_dir(target, quiet=1, stripdir=str(layer), prependdir="/", invalidation_mode=mode)
    settle(layer)


if __name__ == "__main__":
    main()
