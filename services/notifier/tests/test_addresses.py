"""The notifier, a real hub, and what stands for Slack and Sentry."""

import json
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from picket.messages import Fault, InputEvent, decode
from tests.servers.receiver import HOOK, KEY, PING, SECOND_HOOK, Receiver
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECOND = 1_000_000_000
NOTICES_AT_ONCE = 4
CONSUMERS = {"notifier-alarms", "notifier-notices", "notifier-sentry"}


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
def release(tmp_path: Path, receiver: Receiver) -> Iterator[Release]:
    with Release(tmp_path, log_level="debug", notifier={"cooldown_seconds": 10}) as running:
        running.environment |= {
            "SLACK_WEBHOOK_URL": receiver.slack_url,
            "SENTRY_DSN": receiver.sentry_dsn,
            "PICKET_RELEASE": "picket@1.2.3",
        }
        running.start_hub()
        running.publish(motion("before"))
        running.start("picket_notifier")
        wait_for("the notifier's first look", lambda: running.consumers() >= CONSUMERS)
        yield running
        told = running.log("picket_notifier") + json.dumps(receiver.events) + str(receiver.texts)
        assert [secret for secret in (HOOK, SECOND_HOOK, KEY, PING) if secret in told] == []


def own_faults(release: Release) -> list[tuple[str, str]]:
    messages = [decode(entry.topic, entry.body) for entry in release.journal("fault.notifier")]
    return [(one.subject, one.state) for one in messages if isinstance(one, Fault)]


def motions(receiver: Receiver) -> list[str]:
    return [text.split(" (test)")[0] for text in receiver.texts if "Motion" in text]


def stands_for(text: str) -> int:
    return 1 + int(text.split("(and ")[1].split()[0]) if "(and " in text else 1


def subjects(receiver: Receiver) -> list[str]:
    return [event["tags"]["subject"] for event in receiver.events]


def test_a_storm_is_folded_and_nothing_from_before_the_first_start_is_told(
    release: Release, receiver: Receiver
) -> None:
    notifier = release.processes["picket_notifier"]
    notifier.send_signal(signal.SIGSTOP)  # or a slow hub would make two storms of it
    release.publish(*(motion() for _ in range(300)))
    notifier.send_signal(signal.SIGCONT)

    wait_for("the first of it and the rest", lambda: sum(map(stands_for, receiver.texts)) == 300)
    assert len(receiver.texts) == 2
    assert receiver.texts[0].startswith("Motion at hall (test), ")


def test_slack_is_away_and_nothing_is_lost_over_a_restart(release: Release, receiver: Receiver) -> None:
    receiver.stop()
    release.publish(motion("hall", seconds_ago=600), motion("yard"))
    wait_for("the fault", lambda: ("slack", "begin") in own_faults(release))

    release.kill("picket_notifier")
    release.publish(motion("garage"))
    release.start("picket_notifier")
    wait_for("the new process to see it too", lambda: own_faults(release).count(("slack", "begin")) == 2)
    receiver.start()

    wait_for("the fault's end", lambda: ("slack", "end") in own_faults(release))
    wait_for("all of them", lambda: sum(text.count("Motion at") for text in receiver.texts) == 3)
    assert all(name in str(receiver.texts) for name in ("hall", "yard", "garage"))


def test_the_last_word_is_said_after_a_kill_and_nothing_twice(release: Release, receiver: Receiver) -> None:
    release.publish(motion("hall"))
    wait_for("the first word", lambda: motions(receiver) == ["Motion at hall"])
    release.publish(motion("hall"), motion("hall"))
    state = release.folder / "data" / "notifier-alarms.json"
    wait_for("them to be held", lambda: state.exists() and '"others":1' in state.read_text())

    release.kill("picket_notifier")
    release.start("picket_notifier")

    wait_for("the last word", lambda: len(receiver.texts) == 2)
    assert receiver.texts[1].endswith("2 pulses (and 1 more)")


def test_a_state_that_can_not_be_written_is_a_fault_and_holds_up_nothing(release: Release, receiver: Receiver) -> None:
    (release.folder / "data" / "notifier-alarms.new").mkdir()

    release.publish(motion("hall"), motion("yard"))

    wait_for("both", lambda: sum(text.count("Motion at") for text in receiver.texts) == 2)
    wait_for("the fault", lambda: ("alarms file", "begin") in own_faults(release))
    (release.folder / "data" / "notifier-alarms.new").rmdir()
    release.publish(motion("garage"))
    wait_for("its end", lambda: ("alarms file", "end") in own_faults(release))


def test_the_second_webhook_stands_in_while_the_first_is_revoked(release: Release, receiver: Receiver) -> None:
    release.kill("picket_notifier", signal.SIGTERM)
    release.environment["SLACK_FALLBACK_WEBHOOK_URL"] = receiver.second_slack_url
    release.start("picket_notifier")
    receiver.revoked = True

    release.publish(motion("hall"))
    wait_for("the second", lambda: receiver.second_texts)
    assert receiver.second_texts[0].startswith("Motion at hall")
    assert receiver.second_texts[0].endswith("(by the second webhook: the first one fails)")
    wait_for("the fault", lambda: own_faults(release) == [("slack", "begin")])

    receiver.stop()
    release.publish(motion("garage"))
    wait_for("both to be away", lambda: ("second slack", "begin") in own_faults(release))
    receiver.revoked = False
    receiver.start()
    wait_for("what neither took", lambda: "Motion at garage" in str(receiver.texts + receiver.second_texts), 90)
    release.publish(*(motion(f"yard_{number}") for number in range(5)))
    wait_for("the first again", lambda: receiver.texts, 90)
    wait_for("the faults' ends", lambda: {("slack", "end"), ("second slack", "end")} <= set(own_faults(release)))


def test_slack_is_asked_again_when_it_says(release: Release, receiver: Receiver) -> None:
    receiver.answers.append((429, {"Retry-After": "2"}, b"rate_limited"))
    began = time.monotonic()

    release.publish(motion())

    wait_for("the message", lambda: receiver.texts)
    assert time.monotonic() - began > 2
    assert receiver.refused == [(HOOK, 429)]


def test_a_message_that_slack_will_never_take_holds_up_nothing(release: Release, receiver: Receiver) -> None:
    receiver.answers.append((400, {}, b"invalid_payload"))

    release.publish(motion("hall"))
    wait_for("Sentry to hear of it", lambda: subjects(receiver) == ["slack"])
    release.publish(motion("yard"))

    wait_for("the next message", lambda: receiver.texts)
    assert receiver.texts[0].startswith("Motion at yard")
    wait_for("the fault's end", lambda: own_faults(release) == [("slack", "begin"), ("slack", "end")])
    assert "400 invalid_payload" in receiver.events[0]["logentry"]["formatted"]


def test_a_storm_of_faults_is_bounded_and_holds_up_no_alarm(release: Release, receiver: Receiver) -> None:
    release.publish(*(fault(f"thing {number}") for number in range(1000)))
    release.publish(motion("hall"))

    wait_for("the alarm", lambda: motions(receiver) == ["Motion at hall"])
    wait_for(
        "all that the notices may say at once",
        lambda: len(receiver.texts) == 1 + NOTICES_AT_ONCE and "subjects follow" in str(receiver.texts),
    )


def test_a_fault_reaches_sentry_after_it_was_away(release: Release, receiver: Receiver) -> None:
    receiver.stop()
    topic, message = fault("io main", seconds_ago=3600, traceback="Traceback\n  mqtt://me:pass@broker")
    release.publish((topic, message))
    wait_for("the fault", lambda: ("sentry", "begin") in own_faults(release))

    receiver.start()

    wait_for("the events", lambda: "io main" in subjects(receiver) and "slack" in subjects(receiver))
    event = receiver.events[0]
    assert datetime.fromisoformat(event["timestamp"]).timestamp() == pytest.approx(message.time_ns / SECOND, abs=1e-3)
    assert event["tags"] == {"service": "relay", "device": "test", "subject": "io main"}
    assert (event["release"], event["fingerprint"]) == ("picket@1.2.3", ["relay", "io main"])
    assert (event["environment"], event["server_name"]) == ("production", "test")
    assert event["extra"]["traceback"] == "Traceback\n  mqtt://***@broker"
    wait_for("the fault's end", lambda: ("sentry", "end") in own_faults(release))
    assert "sentry" not in subjects(receiver)


def test_sentrys_limits_are_kept_and_a_bad_event_holds_up_nothing(release: Release, receiver: Receiver) -> None:
    release.kill("picket_notifier", signal.SIGTERM)
    del release.environment["SLACK_WEBHOOK_URL"]
    release.start("picket_notifier")
    receiver.answers.append((429, {"X-Sentry-Rate-Limits": "2:error:project"}, b""))
    receiver.answers.append((400, {}, b'{"detail":"no event"}'))
    began = time.monotonic()

    release.publish(fault("one"), fault("two"))

    wait_for("the event", lambda: receiver.events)
    assert time.monotonic() - began > 2
    assert subjects(receiver) == ["two"]
