import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from picket_relay import ledger as module
from picket_relay.guard import Answer, Running, Tally
from picket_relay.ledger import FILE, Ledger, Past

RUNNING = {"siren": Running("ON", 100.0, 105.0, "a1")}
TALLIES = {"siren": Tally(3, 12.5)}


def answer(number: int) -> Answer:
    return Answer(id=f"a{number}", output="siren", wish="ON", accepted=True)


def written(folder: Path, count: int = 3) -> Ledger:
    ledger = Ledger(str(folder), "this-boot")
    for number in range(1, count + 1):
        ledger.write(RUNNING, [answer(n) for n in range(1, number + 1)], 1, TALLIES)
    return ledger


def read(folder: Path, boot: str = "this-boot") -> Past:
    return Ledger(str(folder), boot).read()


@contextmanager
def no_room_after(count: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written(tmp_path)

    past = read(tmp_path)

    assert (past.running, past.tallies, past.same_boot, past.damage) == (RUNNING, TALLIES, True, "")
    assert [answer.id for answer in past.answers] == ["a1", "a2", "a3"]


def test_another_boot_is_told(tmp_path: Path) -> None:
    written(tmp_path)

    assert [read(tmp_path, boot).same_boot for boot in ("this-boot", "next-boot", "")] == [True, False, False]


def test_there_is_nothing_to_read_at_the_first_start(tmp_path: Path) -> None:
    assert read(tmp_path / "missing") == Past({}, (), {}, False)


@pytest.mark.parametrize(
    ("keep", "tail", "damage", "ids"),
    [
        (1.0, b"\x00{]\xff\n", "line 4 of 4 can't be read", ["a1", "a2", "a3"]),
        (0.9, b"", "line 3 of 3 can't be read", ["a1", "a2"]),
        (0.0, b"", "is empty", []),
        (0.0, b"\xff" * 5000, "line 1 of 1 can't be read", []),
        (0.0, b'{"boot":"this-boot","running":{"siren":7}}\n', "line 1 of 1 can't be read", []),
        (0.0, b"[" * 100_000, "line 1 of 1 can't be read", []),
    ],
    ids=["garbage-at-the-end", "truncated", "empty", "garbage", "of-another-form", "too-deep"],
)
def test_damage_is_told_and_what_stands_before_it_counts(
    tmp_path: Path, keep: float, tail: bytes, damage: str, ids: list[str]
) -> None:
    written(tmp_path)
    file = tmp_path / FILE
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * keep)] + tail)

    past = read(tmp_path)

    assert past.damage.startswith(damage)
    assert [answer.id for answer in past.answers] == ids


def test_a_line_that_only_lacks_its_end_is_damage_too(tmp_path: Path) -> None:
    written(tmp_path)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-1])

    assert read(tmp_path).damage == "line 3 is cut off"


def test_a_full_disk_raises_leaves_no_half_a_line_and_heals(tmp_path: Path) -> None:
    ledger = written(tmp_path)
    size = (tmp_path / FILE).stat().st_size

    with no_room_after(size + 10):
        with pytest.raises(OSError, match="File too large"):
            ledger.write({}, [answer(4)], 1, {})
        during = read(tmp_path)
        with pytest.raises(OSError, match="File too large"), no_room_after(10):
            ledger.write({}, [answer(4)], 1, {})
    ledger.write({}, [answer(n) for n in range(1, 5)], 1, TALLIES)

    assert (during.damage, during.running) == ("", RUNNING)
    healed = read(tmp_path)
    assert (healed.damage, healed.running, len(healed.answers)) == ("", {}, 4)
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_it_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2000)
    ledger = Ledger(str(tmp_path), "this-boot")

    for number in range(200):
        ledger.write(RUNNING, [answer(n) for n in range(number, number + 5)], 1, TALLIES)

    assert (tmp_path / FILE).stat().st_size < 3000
    assert [answer.id for answer in read(tmp_path).answers][-1] == "a203"
