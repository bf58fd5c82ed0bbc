"""A storm of alerts, through the real hub and notifier: few messages, and each says for how many it stands."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from picket.messages import Fault, InputEvent, Message
from tests.servers.receiver import Receiver
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STANDS_FOR = (
    re.compile(r"^(\d+) messages on "),  # a digest
    re.compile(r" \(and (\d+) more\)$"),  # the last word on a subject
)


@contextmanager
def storm(folder: Path, **notifier: float) -> Iterator[tuple[Release, Receiver]]:
    """Give a hub and a notifier that has read to the journal's end."""
    with Receiver() as receiver, Release(folder, notifier=notifier) as release:
        release.environment |= {"SLACK_WEBHOOK_URL": receiver.slack_url, "SENTRY_DSN": receiver.sentry_dsn}
        release.start_hub()
        release.start("picket_notifier")
        consumers = {"notifier-alarms", "notifier-notices", "notifier-sentry"}
        wait_for("the notifier's cursors", lambda: release.consumers() >= consumers)
        yield release, receiver


def fault(service: str, subject: str, state: Literal["begin", "end"]) -> tuple[str, Message]:
    message = Fault(time_ns=time.time_ns(), service=service, subject=subject, state=state, text="no answer")
    return f"fault.{service}", message


def motion(number: int, kind: Literal["new", "end"]) -> tuple[str, Message]:
    now = datetime.now(UTC)
    event = InputEvent(
        time_ns=time.time_ns(),
        id=f"m{number}",
        type=kind,
        input="hall",
        zone="alarm",
        began_at=now,
        ended_at=now if kind == "end" else None,
        why="one pulse",
    )
    return "event.input.hall", event


def faults_of_200_subjects() -> list[tuple[str, Message]]:
    """Return 1,000 words: each subject fails, is mended, fails, is mended, and fails for good."""
    states: tuple[Literal["begin", "end"], ...] = ("begin", "end", "begin", "end", "begin")
    subjects = [(f"service_{number % 20}", f"part {number}") for number in range(200)]
    return [fault(service, subject, state) for state in states for service, subject in subjects]


def stands_for(text: str) -> int:
    """Return for how many words a message stands, as it says itself."""
    digest, last_word = (pattern.search(text) for pattern in STANDS_FOR)
    if digest:
        return int(digest[1])
    return 1 + int(last_word[1]) if last_word else 1


def held(beats: list[tuple[str, bytes]]) -> int:
    """Return how many words the notifier says, in its last beat, that it has still to tell."""
    return int(msgspec.json.decode(beats[-1][1])["figures"]["notices_held"]) if beats else 0


def test_a_thousand_faults_are_four_messages_at_once_and_the_rest_is_held_and_counted(tmp_path: Path) -> None:
    with storm(tmp_path) as (release, receiver), release.hearing("health.notifier") as beats:
        release.publish(*faults_of_200_subjects())

        at_once = release.config.notifier.notices_per_hour // 3
        wait_for("every subject at Sentry", lambda: len(receiver.events) >= 200, 180)
        wait_for("all to be told or held", lambda: sum(map(stands_for, receiver.texts)) + held(beats()) == 1000, 180)
        texts, subjects = list(receiver.texts), [event["tags"]["subject"] for event in receiver.events]

    assert len(texts) == at_once == 4
    assert sorted(subjects) == sorted(f"part {number}" for number in range(200))


def test_with_room_for_them_all_the_messages_of_a_storm_add_up_to_it(tmp_path: Path) -> None:
    with storm(tmp_path, cooldown_seconds=1, longest_cooldown_seconds=1, notices_per_hour=300) as (release, receiver):
        began = time.monotonic()
        release.publish(*faults_of_200_subjects())

        wait_for("all to be told", lambda: sum(map(stands_for, receiver.texts)) >= 1000, 300)
        texts, minutes = list(receiver.texts), (time.monotonic() - began) / 60

    assert sum(map(stands_for, texts)) == 1000
    assert len(texts) <= 100 + 5 * (minutes + 1)  # a third of an hour's at once, and what each minute adds
    assert {int(number) for text in texts for number in re.findall(r"part (\d+)", text)} == set(range(200))


def test_a_flapping_sensor_is_one_message_a_cool_down_and_they_add_up_to_its_flaps(tmp_path: Path) -> None:
    rounds, flaps = 5, 100
    with storm(tmp_path, cooldown_seconds=1, longest_cooldown_seconds=2) as (release, receiver):
        began = time.monotonic()
        for number in range(1, rounds + 1):
            release.publish(*(motion(number * flaps + flap, kind) for flap in range(flaps) for kind in ("new", "end")))
            wait_for("them to be told", lambda n=number: sum(map(stands_for, receiver.texts)) >= n * flaps)
        texts, cool_downs = list(receiver.texts), time.monotonic() - began

    assert sum(map(stands_for, texts)) == rounds * flaps
    assert len(texts) <= max(2 * rounds, cool_downs + 1)
    assert all("Motion at hall" in text for text in texts)
