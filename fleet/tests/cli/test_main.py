"""The command as a person meets it: where its fleet is, how it ends, and no traceback for a mistake."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.cli.commands import parser
from picket_fleet.people import session

FLEET = [sys.executable, "-c", "import sys; from picket_fleet.cli import main; sys.exit(main())"]


def test_the_fleet_is_where_it_is_said_to_be(
    run: Any, house: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here = str(house.home.folder)
    monkeypatch.setenv("PICKET_FLEET", str(tmp_path / "elsewhere"))

    assert run("devices").code == 1
    assert run("--fleet", here, "devices").code == run("devices", "--fleet", here).code == 0

    monkeypatch.delenv("PICKET_FLEET")
    monkeypatch.chdir(house.home.folder)
    assert run("devices").code == 0


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        pytest.param(KeyboardInterrupt(), 130, "", id="Ctrl-C"),
        pytest.param(
            PermissionError(13, "Permission denied", "/x"), 1, "fleet: /x: Permission denied\n", id="not ours"
        ),
        pytest.param(
            sqlite3.OperationalError("database is locked"),
            *(1, "fleet: the fleet's database: database is locked\n"),
            id="locked",
        ),
    ],
)
@pytest.mark.usefixtures("house")
def test_what_goes_wrong_is_said_in_a_line(
    run: Any, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, reason: str
) -> None:
    def fail(_folder: Path) -> None:
        raise error

    monkeypatch.setattr(session.home, "load", fail)

    said = run("devices")

    assert (said.code, said.err) == (code, reason)


def test_a_folder_that_makes_no_sense_is_said_in_a_line(run: Any, house: Any) -> None:
    (house.home.folder / "fleet.yaml").write_text("name: [")
    said = run("devices")

    assert said.code == 1
    assert said.err.startswith(f"fleet: {house.home.folder / 'fleet.yaml'}: ")
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([], id="nothing"),
        pytest.param(["fly"], id="no such command"),
        pytest.param(["device"], id="no device named"),
        pytest.param(["env"], id="no operation"),
        pytest.param(["logs", "hall", "-n", "many"], id="no number"),
    ],
)
def test_what_is_not_understood_is_answered_with_the_usage(run: Any, words: list[str]) -> None:
    said = run(*words)

    assert said.code == 2
    assert said.err.startswith("usage: fleet")


def test_every_command_has_a_help(run: Any) -> None:
    commands = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]

    assert {"devices", "device", "releases", "pin", "env", "logs", "restart", "rollback"} <= set(commands)
    for command in commands:
        assert run(command, "--help").code == 0


@pytest.mark.slow
def test_who_has_read_enough_may_go(house: Any) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write) as gone:
        done = subprocess.run(
            [*FLEET, "devices"],
            stdout=gone,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PICKET_FLEET": str(house.home.folder)},
        )

    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.slow
def test_a_device_does_not_load_what_only_the_server_needs() -> None:
    program = (
        "import sys\n"
        "from picket_fleet.cli import main\n"
        "main(['device', 'run', '--folder', '/nowhere'])\n"
        "print(*sorted({'cryptography', 'aiohttp', 'sqlite3', 'yaml', 'argparse'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stderr.startswith("fleet: /nowhere/device.json: this device has joined no fleet")
    assert done.stdout == "argparse\n"
