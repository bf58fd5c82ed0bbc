"""The agent's folder: one agent's at a time, and no reason to give up when a file of it is lost."""

from pathlib import Path

import pytest

from picket_fleet.agent.folder import Folder, Progress
from picket_fleet.agent.supervisor import Tags
from picket_fleet.errors import FleetError


def test_a_second_agent_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    first, second = Folder(tmp_path), Folder(tmp_path)
    first.claim()

    with pytest.raises(FleetError, match="another agent is at work here"):
        second.claim()
    del first

    second.claim()


@pytest.mark.parametrize(
    "left", [pytest.param(b"", id="empty"), pytest.param(b"\0" * 64, id="zeros"), pytest.param(b"[1]", id="another")]
)
def test_what_a_card_has_lost_is_as_if_it_had_not_been_there(tmp_path: Path, left: bytes) -> None:
    for name in ("progress.json", "restarts.json", "rejected.json", "tags.json"):
        (tmp_path / name).write_bytes(left)

    folder = Folder(tmp_path)

    assert folder.progress() == Progress("idle")
    assert folder.rejected() is None
    assert folder.kept("restarts.json", dict[str, int]) is None
    Tags(folder, lambda _name, _value: None).deliver()
