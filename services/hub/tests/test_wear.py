from pathlib import Path

import pytest

from picket_hub.wear import Wear, written_bytes

DAY = 86_400.0
MEGABYTE = 1_000_000


def run(wear: Wear, begin: float, hours: float, bytes_per_hour: float, written: float = 0.0) -> float:
    for step in range(1, int(hours * 60) + 1):
        wear.note(begin + step * 60, int(written + bytes_per_hour * step / 60))
    return written + bytes_per_hour * hours


def test_a_day_is_projected_from_the_last_hour() -> None:
    wear = Wear(1000 * MEGABYTE)
    written = run(wear, 0, 5, 100 * MEGABYTE)
    busy = wear.per_day
    run(wear, 5 * 3600, 2, 1 * MEGABYTE, written)

    assert busy == pytest.approx(2400 * MEGABYTE, rel=0.01)
    assert wear.per_day == pytest.approx(24 * MEGABYTE, rel=0.01)


def test_nothing_is_projected_from_a_moment() -> None:
    wear = Wear(1000 * MEGABYTE)
    wear.note(0, 0)
    wear.note(5, 10 * MEGABYTE)

    assert wear.per_day is None


def test_a_day_over_the_budget_is_a_fault_until_a_day_is_well_below_it() -> None:
    wear = Wear(1000 * MEGABYTE)
    written = run(wear, 0, 9.5, 100 * MEGABYTE)
    before = wear.over
    written = run(wear, 9.5 * 3600, 1, 100 * MEGABYTE, written)
    during = wear.over
    written = run(wear, 10.5 * 3600, 14, 0, written)
    still = wear.over
    run(wear, 24.5 * 3600, 5, 0, written)

    assert (before, during, still, wear.over) == (False, True, True, False)


def test_an_hour_of_much_is_no_day_of_it() -> None:
    wear = Wear(1000 * MEGABYTE)
    run(wear, 0, 1, 500 * MEGABYTE)

    assert wear.per_day == pytest.approx(12_000 * MEGABYTE, rel=0.05)
    assert not wear.over


@pytest.mark.parametrize(
    ("account", "found"),
    [("write_bytes: 8192\ncancelled_write_bytes: 4096\n", 4096), ("rchar: 1\n", None), (None, None)],
    ids=["counted", "not counted", "no such file"],
)
def test_what_was_written_is_what_the_kernel_says(tmp_path: Path, account: str | None, found: int | None) -> None:
    if account is not None:
        (tmp_path / "io").write_text(account)

    assert written_bytes(tmp_path / "io") == found
