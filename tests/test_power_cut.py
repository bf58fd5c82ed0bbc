"""A power cut, from a real UPS server to the light, to people and to the broker, each step by its own process."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket.bus.requests import Responder
from picket.messages import OutputCommand, ThresholdEvent
from tests.servers.mosquitto import Mosquitto
from tests.servers.mqtt import Observer
from tests.servers.receiver import Receiver
from tests.servers.release import Release
from tests.servers.upsd import UPS, Upsd, installed
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CONFIG = """
io_boards: {main: {bus: /dev/i2c-1}}
outputs: {light: {pin: 2}}
thresholds:
  power_cut: {source: ups, quantity: on_battery, above: 0.5}
  battery_low: {source: ups, quantity: low_battery, above: 0.5}
rules:
  emergency_light: {when: threshold power_cut begins, then: relay light on 600 s}
  light_off: {when: threshold power_cut ends, then: relay light off}
  siren_never: {when: threshold battery_low begins, then: relay light on, only_if: threshold power_cut clear}
"""
READERS = {"notifier-alarms", "notifier-notices", "gateway"}
LOSS = "does not run (DRIVER-NOT-CONNECTED)"


@pytest.fixture
def upsd() -> Iterator[Upsd]:
    if not installed():
        pytest.skip("nut-server is not installed")
    with Upsd() as upsd:
        yield upsd


def test_a_power_cut_lights_the_light_and_is_told_to_people_and_to_the_broker(tmp_path: Path, upsd: Upsd) -> None:
    ups = {"kind": "nut", "port": upsd.port, "ups": UPS, "interval_seconds": 5}
    with Receiver() as people, Release(tmp_path, CONFIG, collectors={"ups": ups}) as release:
        broker = Mosquitto(tmp_path, release.mqtt_port)
        broker.start()
        release.environment["SLACK_WEBHOOK_URL"] = people.slack_url
        release.start_hub()
        guard = Guard(release)
        for module in ("picket_automation", "picket_notifier", "picket_gateway"):
            release.start(module)
        release.start("picket_collectors", "ups", name="ups")
        observer = Observer(release.mqtt_port)
        try:
            observer.wait("picket/test/sensor/ups/state")
            wait_for("every reader", lambda: release.consumers() >= READERS)
            cut_at = time.monotonic()
            upsd.set("ups.status", "OB DISCHRG")
            wait_for("the light", lambda: guard.commanded(1))
            lit_after = time.monotonic() - cut_at
            upsd.set("ups.status", "OB DISCHRG LB")
            wait_for("the low battery", lambda: len(alerts(release)) == 2)
            upsd.end("dummy-ups")
            wait_for("the loss", lambda: release.journal("fault.collectors.ups"))
            upsd.start_driver()  # it says "OL CHRG" again
            wait_for("the darkness", lambda: guard.commanded(2))
            wait_for("what people are told", lambda: any(LOSS in text for text in people.texts))
            observer.wait("picket/test/event", count=4)
        finally:
            observer.close()
            guard.close()
            broker.stop()

    assert lit_after < 20  # the driver's second, the collector's five, and a machine that has other things to do
    assert [(c.origin, c.state, c.seconds) for c in guard.commands] == [
        ("rule emergency_light", "ON", 600),
        ("rule light_off", "OFF", None),
    ]
    told = [message.json for message in observer.on("picket/test/event")]
    assert [(event["threshold"], event["type"], event["value"]) for event in told[:2]] == [
        ("power_cut", "new", 1),
        ("battery_low", "new", 1),
    ]
    assert {(event["threshold"], event["type"], event["value"]) for event in told[2:]} == {
        ("power_cut", "end", 0),
        ("battery_low", "end", 0),
    }
    alarm = next(text for text in people.texts if "Past the threshold" in text)
    assert "Past the threshold power_cut" in alarm
    assert "ups on_battery was above 0.5" in alarm


class Guard:
    """Carries out every command that it is asked for, and remembers it."""

    def __init__(self, release: Release) -> None:
        self.commands: list[OutputCommand] = []
        self._responder = Responder(release.context, release.endpoints, "output.command.", self._serve)

    def commanded(self, count: int) -> bool:
        """Answer what is asked, and tell whether it was so often."""
        self._responder.tick()
        self._responder.receive()
        return len(self.commands) >= count

    def close(self) -> None:
        """Hang up."""
        self._responder.close()

    def _serve(self, _topic: str, body: bytes, _now: float) -> bytes:
        self.commands.append(msgspec.json.decode(body, type=OutputCommand))
        return b"{}"


def alerts(release: Release) -> list[Any]:
    return [msgspec.json.decode(entry.body, type=ThresholdEvent) for entry in release.journal("event.threshold.")]
