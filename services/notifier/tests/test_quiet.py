"""Hours in which what can wait waits."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from picket.config.schema import QuietHours
from picket_notifier.quiet import waits
from services.notifier.tests.people import People, fault, motion, threshold

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(begin="22:30", until="07:00")
FAULT = ("fault", "relay", "io main")


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("hours", "moment", "expected"),
    [
        pytest.param(NIGHT, "2026-11-21T22:29:59+01:00", False, id="before"),
        pytest.param(NIGHT, "2026-11-21T22:30:00+01:00", True, id="begins"),
        pytest.param(NIGHT, "2026-11-22T03:00:00+01:00", True, id="after-midnight"),
        pytest.param(NIGHT, "2026-11-22T07:00:00+01:00", False, id="over"),
        pytest.param(NIGHT, "2026-07-01T05:30:00+00:00", False, id="summer-time"),
        pytest.param(NIGHT, "2026-10-25T05:30:00+00:00", True, id="the-night-summer-time-ends"),
        pytest.param(NIGHT, "2026-03-29T05:00:00+00:00", False, id="the-night-summer-time-begins"),
        pytest.param(QuietHours(begin="12:00", until="14:00"), "2026-11-21T13:00:00+01:00", True, id="at-noon"),
        pytest.param(QuietHours(begin="12:00", until="14:00"), "2026-11-21T23:00:00+01:00", False, id="not-at-night"),
        pytest.param(None, "2026-11-22T03:00:00+01:00", False, id="no-quiet-hours"),
    ],
)
def test_a_fault_waits_by_the_clock_on_the_wall(hours: QuietHours | None, moment: str, expected: bool) -> None:
    assert waits(hours, BERLIN)(FAULT, at(moment)) is expected


@pytest.mark.parametrize(
    ("subject", "urgent", "expected"),
    [
        pytest.param(("motion", "hall"), [], False, id="motion-is-what-a-guard-is-for"),
        pytest.param(("tamper", "hall"), [], False, id="tamper"),
        pytest.param(("threshold", "freezer"), [], True, id="threshold"),
        pytest.param(("threshold", "freezer"), ["threshold"], False, id="an-urgent-threshold"),
        pytest.param(FAULT, ["threshold"], True, id="a-fault-beside-it"),
    ],
)
def test_what_is_urgent_does_not_wait(subject: tuple[str, ...], urgent: list[str], expected: bool) -> None:
    hours = QuietHours(begin="22:30", until="07:00", urgent=urgent)  # type: ignore[arg-type]

    assert waits(hours, BERLIN)(subject, at("2026-11-22T03:00:00+01:00")) is expected


def test_a_night_is_one_digest_in_the_morning() -> None:
    people = People(waits=waits(QuietHours(begin="13:00", until="20:00"), UTC))  # noon is 12:00 UTC

    for second in range(2 * 3600, 7 * 3600, 60):
        people.tell(fault(second, state="begin" if second % 120 == 0 else "end"))
    people.tell(threshold(3 * 3600))
    assert people.heard == []
    assert people.tell(motion(4 * 3600)) is not None
    people.wait(7 * 3600, 9 * 3600)

    assert people.times == [4 * 3600, 8 * 3600]
    assert people.heard[1].splitlines() == [
        "301 messages on 2 subjects since 2026-11-21 14:00:00 UTC: fault recorder 300, threshold freezer_warm 1",
        "• Mended: recorder, influxdb (demo), 2026-11-21 18:59:00 UTC, after 5 h, 150 times: refused (and 299 more)",
        "• Past the threshold freezer_warm (demo), 2026-11-21 15:00:00 UTC: above -12 for 600 s",
    ]
