"""What one message says to people."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from picket.messages import InputState, Message, OutputResult
from picket_notifier.wording import span, word
from services.notifier.tests.people import NOON, People, fault, motion, threshold

ROWS = [
    pytest.param(motion(), "Motion at hall (demo), 2026-11-21 12:00:00 UTC: 2 pulses in 5 s", id="motion"),
    pytest.param(
        motion(zone="tamper", why="above 3.2 V"),
        "Tamper at hall (demo), 2026-11-21 12:00:00 UTC: above 3.2 V",
        id="tamper",
    ),
    pytest.param(
        motion(type="end", zone="tamper", why="normal again"),
        "Tamper at hall is over (demo), 2026-11-21 12:00:00 UTC: normal again",
        id="tamper-ends",
    ),
    pytest.param(motion(type="update"), None, id="an-episode-goes-on"),
    pytest.param(motion(type="end"), None, id="motion-ends"),
    pytest.param(fault(), "Fault: recorder, influxdb (demo), 2026-11-21 12:00:00 UTC: refused", id="fault"),
    pytest.param(
        fault(state="end", text="works again"),
        "Mended: recorder, influxdb (demo), 2026-11-21 12:00:00 UTC: works again",
        id="fault-ends",
    ),
    pytest.param(
        threshold(),
        "Past the threshold freezer_warm (demo), 2026-11-21 12:00:00 UTC: above -12 for 600 s",
        id="threshold",
    ),
    pytest.param(
        threshold(type="end", why="-13"),
        "Back within the threshold freezer_warm (demo), 2026-11-21 12:00:00 UTC: -13",
        id="threshold-ends",
    ),
    pytest.param(fault(service="notifier", subject="slack"), None, id="slack-is-not-told-of-slack"),
    pytest.param(fault(service="notifier", subject="second slack"), None, id="nor-of-its-second"),
    pytest.param(
        fault(service="notifier", subject="sentry"),
        "Fault: notifier, sentry (demo), 2026-11-21 12:00:00 UTC: refused",
        id="slack-is-told-of-sentry",
    ),
    pytest.param(
        OutputResult(time_ns=NOON, id="c", output="door", accepted=True, reason="", state="ON"),
        None,
        id="commands-are-not-for-people",
    ),
    pytest.param(InputState(time_ns=NOON, input="hall", motion="ON", zone="alarm"), None, id="nor-are-states"),
    pytest.param(
        fault(text="<!channel> a & b"),
        "Fault: recorder, influxdb (demo), 2026-11-21 12:00:00 UTC: &lt;!channel&gt; a &amp; b",
        id="text-is-no-markup",
    ),
]


@pytest.mark.parametrize(("message", "text"), ROWS)
def test_what_a_message_says(message: Message, text: str | None) -> None:
    assert People().tell(message) == text


def test_times_are_those_of_the_devices_time_zone() -> None:
    text = People(zone=ZoneInfo("Europe/Berlin")).tell(motion())

    assert text == "Motion at hall (demo), 2026-11-21 13:00:00 CET: 2 pulses in 5 s"


def test_a_long_text_is_cut() -> None:
    told = word(fault(text="x" * 10_000), UTC)

    assert told is not None
    assert (len(told.why), told.why[-1]) == (300, "…")


@pytest.mark.parametrize(
    ("delay", "prefix"),
    [
        pytest.param(59.0, "Motion", id="in-time"),
        pytest.param(120.0, "[sent 2 min late] Motion", id="minutes"),
        pytest.param(3 * 3600.0, "[sent 3 h late] Motion", id="hours"),
        pytest.param(3 * 86400.0, "[sent 3 days late] Motion", id="days"),
    ],
)
def test_what_is_sent_late_says_so_with_its_own_time(delay: float, prefix: str) -> None:
    text = People().tell(motion(), at=delay)

    assert text == f"{prefix} at hall (demo), 2026-11-21 12:00:00 UTC: 2 pulses in 5 s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "5 s"), (95, "2 min"), (3 * 3600, "3 h"), (5 * 86400, "5 days")],
)
def test_how_long_it_took(seconds: float, text: str) -> None:
    assert span(seconds) == text
