"""The README's commands are commands."""

import re
import shlex
from pathlib import Path

import pytest

from picket_fleet.agent.command import VERBS
from picket_fleet.cli.commands import parser

README = (Path(__file__).parents[2] / "README.md").read_text()
SPANS = [span for span in re.findall(r"`(fleet [^`\n]+)`", README) if "…" not in span]
LINES = [line.partition("#")[0] for line in README.splitlines() if re.match(r"fleet \w", line) and "…" not in line]


@pytest.mark.parametrize(
    "command", sorted({part.strip() for text in SPANS + LINES for part in re.split("&&|&", text)} - {""})
)
def test_a_command_is_understood(command: str) -> None:
    words = shlex.split(command)[1:]

    if words[0] != "device" or words[1] not in VERBS:
        assert parser().parse_args(words).command == words[0]


def test_all_commands_are_told_of() -> None:
    commands = parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]

    assert [command for command in commands if f"fleet {command}" not in README] == []
