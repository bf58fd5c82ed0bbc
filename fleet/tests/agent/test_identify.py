"""A device shows which one it is."""

from pathlib import Path

import pytest

from picket_fleet.agent.identify import blink


def led(folder: Path, name: str, trigger: str) -> Path:
    made = folder / name
    made.mkdir()
    (made / "trigger").write_text(trigger)
    (made / "brightness").write_text("7")
    return made


@pytest.mark.parametrize("name", ["ACT", "led0"])
def test_its_lamp_blinks_and_is_then_switched_by_what_switched_it_before(tmp_path: Path, name: str) -> None:
    lamp = led(tmp_path, name, "none [mmc0] timer")

    assert blink(tmp_path, 0.5)

    assert (lamp / "trigger").read_text() == "mmc0"
    assert (lamp / "brightness").read_text() == "0"


def test_a_machine_without_a_lamp_says_so(tmp_path: Path) -> None:
    led(tmp_path, "input3::capslock", "[none]")

    assert not blink(tmp_path, 0.5)
