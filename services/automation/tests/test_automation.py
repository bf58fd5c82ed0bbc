"""Rules as a process, with the real hub; the test is the guard and the input."""

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from picket.bus.requests import Responder
from picket.messages import InputState, OnOff, OutputCommand
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
adc_boards: {main: {bus: /dev/i2c-1}}
io_boards: {main: {bus: /dev/i2c-1}}
inputs: {hall: {kind: analog_pir, channel: 1}}
outputs: {light: {pin: 2}}
rules: {hall_light: {when: input hall motion, then: relay light on 5 s}}
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
        zone = "alarm" if motion == "ON" else "normal"
        state = InputState(time_ns=time.time_ns(), input="hall", motion=motion, zone=zone, volts=2.5)
        producer.publish("input.state.hall", state)

    def serve(_topic: str, body: bytes, _now: float) -> bytes:
        asked.append(msgspec.json.decode(body, type=OutputCommand))
        return b"{}"

    def walk() -> None:
        say("OFF")
        say("ON")

    wait_for("the fault", lambda: walk() or release.journal("fault.automation"))
    guard = Responder(release.context, release.endpoints, "output.command.", serve)
    wait_for("a command", lambda: walk() or guard.tick() or guard.receive() or asked)
    guard.close()

    assert (asked[0].output, asked[0].state, asked[0].seconds, asked[0].origin) == ("light", "ON", 5, "rule hall_light")
