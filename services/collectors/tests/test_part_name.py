"""What parts are called."""

import pytest

from picket_collectors.part_name import part_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("kitchen_plug", "kitchen_plug"),
        ("Living room/Lamp 2", "living_room_lamp_2"),
        ("Küche", "kuche"),
        ("0x00158d0001a2b3c4", "0x00158d0001a2b3c4"),
        ("../../etc", "etc"),
        ("灯", ""),
        ("x" * 100, "x" * 40),
    ],
)
def test_a_name_is_made_for_the_bus(text: str, expected: str) -> None:
    assert part_name(text) == expected
