"""What comes of a serial port is taken apart, for every sensor on one: the golden cases, real captures first."""

import json
import random
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"
KINDS = ("sds011", "pms5003", "mhz19b")
CASES = [case for kind in KINDS for case in sorted((GOLDEN / kind).iterdir())]
CAPTURED = {"sds011": "report", "pms5003": "data", "mhz19b": "reading"}


def name(case: Path) -> str:
    return f"{case.parent.name}-{case.name}"


def lines(case: Path) -> list[bytes]:
    """Return the bytes of each line: what one read gives."""
    text = (case / "input.hex").read_text(encoding="utf-8")
    return [bytes.fromhex(line.split("#")[0]) for line in text.splitlines()]


def frames(case: Path) -> Any:
    return frames_of(case.parent.name)


def frames_of(kind: str) -> Any:
    return import_module(f"picket_collectors.sources.{kind}").frames()


def plain(frame: Any) -> dict[str, Any]:
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in frame._asdict().items()}


@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_a_port_gives_is_taken_apart(case: Path) -> None:
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    finder = frames(case)

    found = [plain(frame) for data in lines(case) for frame in finder.feed(data)]
    finder.clear()

    assert found == expected["frames"]
    assert finder.discarded == expected["discarded"]


@pytest.mark.parametrize("case", CASES, ids=name)
def test_it_is_taken_apart_alike_in_whatever_pieces_it_comes(case: Path) -> None:
    data = b"".join(lines(case))
    whole, bytewise = frames(case), frames(case)

    expected = whole.feed(data)
    found = [frame for byte in data for frame in bytewise.feed(bytes([byte]))]

    assert found == expected
    assert bytewise.discarded == whole.discarded


@pytest.mark.parametrize("kind", KINDS)
def test_noise_keeps_no_frame_from_being_found(kind: str) -> None:
    case = GOLDEN / kind / CAPTURED[kind]
    finder, noise = frames(case), random.Random(1)
    (capture,) = (line for line in lines(case) if line)
    head = capture[:1]

    found = [f for _ in range(200) for f in finder.feed(noise.randbytes(50).replace(head, b"") + capture)]

    assert found == frames(case).feed(capture) * 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_with_any_bit_flipped_is_none(kind: str) -> None:
    case = GOLDEN / kind / CAPTURED[kind]
    (capture,) = (line for line in lines(case) if line)
    for bit in range(8 * len(capture)):
        flipped = bytearray(capture)
        flipped[bit // 8] ^= 1 << bit % 8

        assert frames(case).feed(bytes(flipped)) == [], bit


@pytest.mark.parametrize("kind", KINDS)
def test_no_other_sensor_s_frames_are_its_own(kind: str) -> None:
    others = [GOLDEN / other / CAPTURED[other] for other in KINDS if other != kind]

    assert [frames_of(kind).feed(b"".join(lines(other))) for other in others] == [[], []]
