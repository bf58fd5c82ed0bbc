import pytest

from picket.messages import Zone
from picket_gpio_input.filter.detector import Finding
from picket_gpio_input.filter.motion import Verdict
from picket_gpio_input.replay.differences import differences, judged


def motion(at: float, end: float, why: str, zone: Zone = "alarm") -> list[Finding]:
    return [
        Finding(zone, Verdict("new", at, at - 0.5, why, 2, 1.0)),
        Finding(zone, Verdict("end", end, at - 0.5, "quiet", 3, 1.2)),
    ]


def suppressed(began: float, at: float, why: str, pulses: int = 1) -> Finding:
    return Finding("alarm", Verdict("suppressed", at, began, why, pulses, 0.4))


@pytest.mark.parametrize(
    ("before", "after", "expected", "same"),
    [
        (motion(2, 5, "a"), motion(2, 5, "b"), [], 1),
        (motion(2, 5, "a"), motion(2.5, 4, "b"), [("moves", 0.5, -1.0, "a", "b")], 0),
        (motion(2, 5, "a"), [], [("disappears", None, None, "a", "nothing was decided at that time")], 0),
        (
            motion(2, 5, "a"),
            [suppressed(1.6, 1.7, "too short", 0), suppressed(1.6, 6.6, "1 of 3")],
            [("disappears", None, None, "a", "suppressed: 1 of 3")],
            0,
        ),
        ([], motion(2, 5, "b"), [("appears", None, None, "nothing was decided at that time", "b")], 0),
        (
            motion(2, 9, "a"),
            motion(2, 4, "b") + motion(5, 9, "c"),
            [("moves", 3, 0, "a", "c"), ("appears", None, None, "within the alarm from 2.00 to 9.00 s", "b")],
            0,
        ),
        (
            motion(2, 5, "a"),
            motion(2, 5, "b", "tamper"),
            [
                ("disappears", None, None, "a", "nothing was decided at that time"),
                ("appears", None, None, "nothing was decided at that time", "b"),
            ],
            0,
        ),
    ],
    ids=["same", "moves", "disappears", "disappears-suppressed", "appears", "splits", "other-zone"],
)
def test_what_differs_is_told_with_both_reasons(
    before: list[Finding], after: list[Finding], expected: list[tuple[object, ...]], same: int
) -> None:
    changes, unchanged = differences(judged(before), judged(after))

    assert [(c.change, c.moved_seconds, c.end_moved_seconds, c.why_before, c.why_after) for c in changes] == expected
    assert unchanged == same
