"""The notifier, a real hub, and what stands for Slack and Sentry."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.servers.receiver import HOOK, KEY, Receiver
from tests.servers.services import Services
from tests.servers.waiting import wait_for

from picket.messages import Fault, InputEvent, decode

pytestmark = pytest.mark.slow

SECOND = 1_000_000_000


def motion(name: str = "hall", *, seconds_ago: float = 0) -> tuple[str, InputEvent]:
    return f"event.input.{name}", InputEvent(
        time_ns=time.time_ns() - int(seconds_ago * SECOND),
        id="e",
        type="new",
        input=name,
        zone="alarm",
        began_at=datetime.now(UTC),
        why="2 pulses",
    )


def fault(subject: str, *, seconds_ago: float = 0, traceback: str = "") -> tuple[str, Fault]:
    moment = time.time_ns() - int(seconds_ago * SECOND)
    return "fault.relay", Fault(
        time_ns=moment, service="relay", subject=subject, state="begin", text="no answer", traceback=traceback
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def services(tmp_path: Path, receiver: Receiver) -> Iterator[Services]:
    with Services(tmp_path, log_level="debug", notifier={"cooldown_seconds": 3}) as running:
        running.variables = {
            "SLACK_WEBHOOK_URL": receiver.slack_url,
            "SENTRY_DSN": receiver.sentry_dsn,
            "PICKET_RELEASE": "picket@1.2.3",
        }
        running.start("hub")
        running.publish([motion("before")])
        running.start("notifier")
        wait_for(lambda: running.consumers() >= {"notifier-slack", "notifier-sentry"}, "the notifier's first look")
        yield running
        told = running.log("notifier").read_text()
        assert (HOOK in told, KEY in told) == (False, False), "a secret is in the log"


def own_faults(services: Services) -> list[tuple[str, str]]:
    messages = [decode(entry.topic, entry.body) for entry in services.journal("fault.notifier") or []]
    return [(one.subject, one.state) for one in messages if isinstance(one, Fault)]


def motions(receiver: Receiver) -> list[str]:
    return [text.split(" (demo)")[0] for text in receiver.texts if "Motion" in text]


def subjects(receiver: Receiver) -> list[str]:
    return [event["tags"]["subject"] for event in receiver.events]


def test_a_storm_is_folded_and_nothing_from_before_the_first_start_is_told(
    services: Services, receiver: Receiver
) -> None:
    services.publish([motion() for _ in range(300)])

    wait_for(lambda: len(receiver.texts) == 2, "the first of it and the rest")
    assert receiver.texts[0].startswith("Motion at hall (demo), ")
    assert receiver.texts[0].endswith(" UTC: 2 pulses")
    assert receiver.texts[1].endswith(" UTC: 2 pulses (and 298 more)")


def test_slack_is_away_and_nothing_is_lost_over_a_restart(services: Services, receiver: Receiver) -> None:
    receiver.stop()
    services.publish([motion("hall", seconds_ago=600), motion("yard")])
    wait_for(lambda: ("slack", "begin") in own_faults(services), "the fault")

    services.stop("notifier")
    services.start("notifier")
    wait_for(lambda: own_faults(services).count(("slack", "begin")) == 2, "the new process to see it too")
    receiver.start()

    wait_for(lambda: ("slack", "end") in own_faults(services), "the fault's end")
    wait_for(lambda: len(motions(receiver)) == 2, "both messages")
    assert motions(receiver) == ["[sent 10 min late] Motion at hall", "Motion at yard"]


def test_slack_is_asked_again_when_it_says(services: Services, receiver: Receiver) -> None:
    receiver.answers.append((429, {"Retry-After": "2"}, b"rate_limited"))
    began = time.monotonic()

    services.publish([motion()])

    wait_for(lambda: receiver.texts, "the message")
    assert time.monotonic() - began > 2
    assert receiver.refused == [(HOOK, 429)]


def test_a_message_that_slack_will_never_take_holds_up_nothing(services: Services, receiver: Receiver) -> None:
    receiver.answers.append((404, {}, b"no_service"))

    services.publish([motion("hall"), motion("yard")])

    wait_for(lambda: receiver.texts, "the next message")
    assert receiver.texts[0].startswith("Motion at yard")
    wait_for(lambda: subjects(receiver) == ["slack"], "Sentry to hear of it")
    assert own_faults(services) == [("slack", "begin"), ("slack", "end")]
    assert "404 no_service" in receiver.events[0]["logentry"]["formatted"]


def test_a_fault_reaches_sentry_after_it_was_away(services: Services, receiver: Receiver) -> None:
    receiver.stop()
    topic, message = fault("io main", seconds_ago=3600, traceback="Traceback\n  mqtt://me:pass@broker")
    services.publish([(topic, message)])
    wait_for(lambda: ("sentry", "begin") in own_faults(services), "the fault")

    receiver.start()

    wait_for(lambda: "io main" in subjects(receiver) and "slack" in subjects(receiver), "the events")
    event = receiver.events[0]
    assert datetime.fromisoformat(event["timestamp"]).timestamp() == pytest.approx(message.time_ns / SECOND, abs=1e-3)
    assert event["tags"] == {"service": "relay", "device": "demo", "subject": "io main"}
    assert (event["release"], event["fingerprint"]) == ("picket@1.2.3", ["relay", "io main"])
    assert event["extra"]["traceback"] == "Traceback\n  mqtt://***@broker"
    wait_for(lambda: ("sentry", "end") in own_faults(services), "the fault's end")
    assert "sentry" not in subjects(receiver)


def test_sentrys_limits_are_kept_and_a_bad_event_holds_up_nothing(services: Services, receiver: Receiver) -> None:
    services.stop("notifier")
    del services.variables["SLACK_WEBHOOK_URL"]
    services.start("notifier")
    receiver.answers.append((429, {"X-Sentry-Rate-Limits": "2:error:project"}, b""))
    receiver.answers.append((400, {}, b'{"detail":"no event"}'))
    began = time.monotonic()

    services.publish([fault("one"), fault("two")])

    wait_for(lambda: receiver.events, "the event")
    assert time.monotonic() - began > 2
    assert subjects(receiver) == ["two"]
