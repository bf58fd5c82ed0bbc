"""Arrows between the rooms point one way; conventions that prose would not keep."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = [ROOT / "shared", ROOT / "base", ROOT / "simulator", ROOT / "fleet", *sorted((ROOT / "services").iterdir())]
OWN = {package.name for room in ROOMS for package in (room / "src").iterdir() if package.is_dir()}


def package_of(room: Path) -> str:
    return next(p.name for p in (room / "src").iterdir() if p.name in OWN)


def imports(file: Path) -> set[str]:
    """Return the top names that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_imports_of_ours_only_itself_and_the_library(room: Path) -> None:
    # The fleet remote deploys any release, and shares nothing with this one.
    allowed = {package_of(room)} | ({"picket"} if room.name != "fleet" else set())

    for file in (room / "src").rglob("*.py"):
        assert (imports(file) & OWN) <= allowed, f"{file.relative_to(ROOT)} reaches into another room"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_a_room_declares_what_it_imports(room: Path) -> None:
    project = tomllib.loads((room / "pyproject.toml").read_text())["project"]
    extras = [name for names in project.get("optional-dependencies", {}).values() for name in names]
    declared = {re.split(r"[<>=]", name)[0].lower() for name in [*project["dependencies"], *extras]}
    import_names = {
        "yaml": "pyyaml",
        "zmq": "pyzmq",
        "paho": "paho-mqtt",
        "kasa": "python-kasa",
        "serial": "pyserial",
        "backports": "backports.zstd",
    }
    standard = {*sys.stdlib_module_names, "compression"}  # the latter from Python 3.14 on

    for file in (room / "src").rglob("*.py"):
        for name in imports(file) - standard - OWN:
            distribution = import_names.get(name, name.replace("_", "-"))
            through_shared = {"msgspec", "pyzmq", "pyyaml", "smbus2"}
            assert distribution in declared | through_shared, f"{file.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.name)
def test_modules_and_entries_are_short(room: Path) -> None:
    for file in (room / "src").rglob("*.py"):
        lines = len(file.read_text().splitlines())
        assert lines <= (20 if file.name == "__main__.py" else 400), f"{file.relative_to(ROOT)} has {lines} lines"


@pytest.mark.parametrize("service", ROOMS[2:], ids=lambda room: room.name)
def test_every_room_tells_its_purpose(service: Path) -> None:
    assert (service / "README.md").read_text().startswith("# ")


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text()

    assert "://" not in lock
    assert all("\\\n    --hash=" in entry for entry in re.split(r"\n(?=[a-z])", lock) if "==" in entry)
