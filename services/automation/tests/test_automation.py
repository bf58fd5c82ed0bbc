"""Rules and thresholds as a process, with the real hub; the test is the guard, the input and the collector."""

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from picket.bus.requests import Requester, Responder
from picket.messages import InputState, OnOff, OutputCommand, Reading, ThresholdEvent, Zone, encode
from picket.own_events import MOST_AT_ONCE
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
adc_boards: {main: {bus: /dev/i2c-1}}
io_boards: {main: {bus: /dev/i2c-1}}
inputs: {hall: {kind: analog_pir, channel: 1}}
outputs: {light: {pin: 2}}
rules:
  hall_light: {when: input hall motion, then: relay light on 5 s}
  warm_light: {when: threshold cellar_warm begins, then: relay light on 6 s}
  cold_light: {when: threshold cellar_warm ends, then: relay light off}
collectors: {freezer: {kind: thermometer}, cellar: {kind: thermometer}}
thresholds:
  freezer_warm: {source: freezer, quantity: temperature_c, above: -15, hysteresis: 2}
  cellar_warm: {source: cellar, quantity: temperature_c, above: 15}
  freezer_wet: {source: freezer, quantity: humidity, above: 90}
"""


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with Release(tmp_path, CONFIG) as release:
        release.start_hub()
        release.start("picket_automation")
        yield release


def test_motion_becomes_a_command_and_a_missing_guard_is_told(release: Release) -> None:
    producer = release.producer("gpio-input")
    asked: list[OutputCommand] = []

    def say(motion: OnOff) -> None:
        zone: Zone = "alarm" if motion == "ON" else "normal"
        state = InputState(time_ns=time.time_ns(), input="hall", motion=motion, zone=zone, volts=2.5)
        producer.publish("input.state.hall", state)

    def serve(_topic: str, body: bytes, _now: float) -> bytes:
        asked.append(msgspec.json.decode(body, type=OutputCommand))
        return b"{}"

    def walk() -> None:
        say("OFF")
        say("ON")

    def faults() -> bool:
        walk()
        return bool(release.journal("fault.automation"))

    def commanded() -> bool:
        walk()
        guard.tick()
        guard.receive()
        return bool(asked)

    wait_for("the fault", faults)
    guard = Responder(release.context, release.endpoints, "output.command.", serve)
    wait_for("a command", commanded)
    guard.close()

    assert (asked[0].output, asked[0].state, asked[0].seconds, asked[0].origin) == ("light", "ON", 5, "rule hall_light")


def measure(release: Release, celsius: float, source: str) -> None:
    reading = Reading(
        time_ns=time.time_ns(), source=source, kind="air", values={"temperature_c": celsius, "pressure": 1.0}
    )
    release.publish((f"reading.{source}", reading))


def alerts(release: Release) -> list[ThresholdEvent]:
    return [msgspec.json.decode(entry.body, type=ThresholdEvent) for entry in release.journal("event.threshold.")]


def test_an_alert_outlasts_the_process_that_began_it(release: Release) -> None:
    def told(count: int, **celsius: float) -> bool:
        for source, value in celsius.items():
            measure(release, value, source)
        return len(alerts(release)) >= count

    wait_for("the alert", lambda: told(1, freezer=-10))
    for number in (signal.SIGKILL, signal.SIGTERM):
        release.kill("picket_automation", number)
        release.start("picket_automation")
    wait_for("another one, which comes after what is said of the first", lambda: told(2, freezer=-10, cellar=20))
    wait_for("its end", lambda: told(3, freezer=-18))

    first, other, end = alerts(release)
    assert (first.type, first.threshold, other.type, other.threshold) == ("new", "freezer_warm", "new", "cellar_warm")
    assert (end.type, end.id, end.began_at) == ("end", first.id, first.began_at)
    assert first.why == "freezer temperature_c was above -15 (peak -10)"


def test_an_alert_is_found_behind_more_of_the_journal_than_is_read_at_once(release: Release) -> None:
    release.kill("picket_automation", signal.SIGTERM)
    going = ThresholdEvent(
        time_ns=1,
        id="freezer_warm-1",
        type="new",
        threshold="freezer_warm",
        source="freezer",
        quantity="temperature_c",
        value=-10,
        began_at=datetime.now(UTC),
        why="",
    )
    past = [msgspec.structs.replace(going, id=f"past-{number}") for number in range(MOST_AT_ONCE // 2 + 10)]
    ends = [msgspec.structs.replace(event, type="end") for event in past]
    release.publish(*(("event.threshold.freezer_warm", event) for event in (*past, *ends, going)))

    release.start("picket_automation")

    def told() -> list[ThresholdEvent]:
        measure(release, -18, "freezer")
        return alerts(release)[len(past) + len(ends) + 1 :]

    (end,) = wait_for("the end", told)
    assert (end.id, end.type, end.began_at) == (going.id, "end", going.began_at)


def is_served(release: Release, guard: Responder) -> bool:
    """Tell whether a command comes to the guard."""
    answers: list[bytes | None] = []
    command = OutputCommand(
        time_ns=0, id="probe", output="light", state="OFF", issued_at=datetime.now(UTC), ttl_seconds=5, origin="test"
    )
    requester = Requester(release.context, release.endpoints)
    requester.request("output.command.light", encode(command), 5, lambda body, _why: answers.append(body))

    def answered() -> bool:
        for client in (guard, requester):
            client.tick()
            client.receive()
        return bool(answers)

    wait_for("an answer", answered)
    requester.close()
    return answers[0] is not None


def test_a_quantity_that_nobody_measures_is_a_fault_of_its_threshold(release: Release) -> None:
    def told() -> list[bytes]:
        measure(release, -18, "freezer")
        return [entry.body for entry in release.journal("fault.automation")]

    fault = msgspec.json.decode(wait_for("the fault", told)[0])

    assert fault["subject"] == "threshold freezer_wet"
    assert fault["text"] == "freezer measures no 'humidity'; it measures pressure, temperature_c"


def test_rules_act_on_an_alert_s_beginning_and_end_and_on_neither_because_of_a_restart(release: Release) -> None:
    asked: list[OutputCommand] = []

    def serve(_topic: str, body: bytes, _now: float) -> bytes:
        asked.append(msgspec.json.decode(body, type=OutputCommand))
        return b"{}"

    def told(count: int, **celsius: float) -> bool:
        for source, value in celsius.items():
            measure(release, value, source)
        guard.tick()
        guard.receive()
        return len(alerts(release)) >= count

    guard = Responder(release.context, release.endpoints, "output.command.", serve)
    wait_for("the hub to know of the guard", lambda: is_served(release, guard))
    asked.clear()
    wait_for("the alert", lambda: told(1, cellar=20))
    wait_for("its command", lambda: told(1) and asked)
    release.kill("picket_automation", signal.SIGTERM)
    release.start("picket_automation")
    wait_for("another alert, which comes after what is known of the first", lambda: told(2, cellar=20, freezer=-10))
    wait_for("the end of the first", lambda: told(3, cellar=10))
    wait_for("its command", lambda: told(3) and asked[1:])
    guard.close()

    assert [(command.origin, command.state, command.seconds) for command in asked] == [
        ("rule warm_light", "ON", 6),
        ("rule cold_light", "OFF", None),
    ]
