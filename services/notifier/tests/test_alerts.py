"""What people are told, and when."""

from datetime import UTC, datetime
from typing import Any

import pytest

from picket.messages import Fault, InputEvent, InputState, Message, OutputResult
from picket_notifier.alerts import Alerts

NOON = 1_795_262_400_000_000_000  # 2026-11-21 12:00:00 UTC
COOLDOWN = 60.0


def motion(seconds: float = 0, *, name: str = "hall", **changes: Any) -> InputEvent:
    fields = {"id": "e", "type": "new", "zone": "alarm", "began_at": datetime(2026, 11, 21, tzinfo=UTC)}
    fields |= {"why": "2 pulses in 5 s", "input": name, **changes}
    return InputEvent(time_ns=NOON + int(seconds * 1e9), device="demo", **fields)


def fault(seconds: float = 0, **changes: Any) -> Fault:
    fields = {"service": "recorder", "subject": "influxdb", "state": "begin", "text": "refused", **changes}
    return Fault(time_ns=NOON + int(seconds * 1e9), device="demo", **fields)


class People:
    """Hear what Alerts has to say, as a delivery would let them."""

    def __init__(self) -> None:
        self.alerts = Alerts(COOLDOWN)
        self.heard: list[str] = []

    def tell(self, message: Message, at: float | None = None, *, delivered: bool = True) -> str | None:
        """Decide at `at` seconds after noon, by default at the message's own time."""
        now = (message.time_ns - NOON) / 1e9 if at is None else at
        alert = self.alerts.decide(message, now, NOON + int(now * 1e9))
        if alert and delivered:
            self.alerts.said(alert.subject, now)
            self.heard.append(alert.text)
        return alert.text if alert else None

    def wait_until(self, now: float) -> str | None:
        alert = self.alerts.due(now, NOON + int(now * 1e9))
        if alert:
            self.alerts.said(alert.subject, now)
            self.heard.append(alert.text)
        return alert.text if alert else None


ROWS = [
    pytest.param(motion(), "Motion at hall (demo), 2026-11-21 12:00:00 UTC: 2 pulses in 5 s", id="motion"),
    pytest.param(
        motion(zone="tamper", why="above 3.2 V"),
        "Tamper at hall (demo), 2026-11-21 12:00:00 UTC: above 3.2 V",
        id="tamper",
    ),
    pytest.param(motion(type="update"), None, id="an-episode-goes-on"),
    pytest.param(motion(type="end"), None, id="an-episode-ends"),
    pytest.param(fault(), "Fault: recorder, influxdb (demo), 2026-11-21 12:00:00 UTC: refused", id="fault"),
    pytest.param(
        fault(state="end", text="works again"),
        "Mended: recorder, influxdb (demo), 2026-11-21 12:00:00 UTC: works again",
        id="fault-ends",
    ),
    pytest.param(fault(service="notifier", subject="slack"), None, id="slack-is-not-told-of-slack"),
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


def test_a_storm_is_folded_into_one_message_a_cooldown() -> None:
    people = People()

    for second in range(0, 60, 2):
        people.tell(motion(second))
    people.tell(motion(61))

    assert len(people.heard) == 2
    assert people.heard[1] == "Motion at hall (demo), 2026-11-21 12:01:01 UTC: 2 pulses in 5 s (and 29 more)"
    assert people.alerts.held == 0


def test_the_last_word_is_said_when_the_cooldown_ends() -> None:
    people = People()

    people.tell(fault(0))
    people.tell(fault(5, state="end", text="works again"))

    assert people.wait_until(59.9) is None
    assert people.wait_until(60) == "Mended: recorder, influxdb (demo), 2026-11-21 12:00:05 UTC: works again"
    assert people.wait_until(200) is None


def test_a_fault_that_comes_and_goes_is_capped_whatever_it_says() -> None:
    people = People()

    for second in range(600):
        people.tell(fault(second, state="begin" if second % 2 == 0 else "end"))
        people.wait_until(second)

    assert len(people.heard) == 600 / COOLDOWN


def test_subjects_cool_down_each_for_itself() -> None:
    people = People()

    told = [people.tell(message) for message in (motion(0), motion(1, name="yard"), motion(2, zone="tamper"), fault(3))]

    assert all(told)


def test_a_message_that_was_not_delivered_starts_no_cooldown() -> None:
    people = People()

    first = people.tell(motion(0), delivered=False)
    again = people.tell(motion(0), at=5)

    assert first == again


def test_what_piled_up_in_an_outage_is_one_message_and_its_rest() -> None:
    people = People()

    for minute in range(100):
        people.tell(motion(minute * 60), at=6000 + minute / 100)
    people.wait_until(6061)

    assert people.heard == [
        "[sent 100 min late] Motion at hall (demo), 2026-11-21 12:00:00 UTC: 2 pulses in 5 s",
        "[sent 2 min late] Motion at hall (demo), 2026-11-21 13:39:00 UTC: 2 pulses in 5 s (and 98 more)",
    ]
