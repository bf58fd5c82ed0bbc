"""The service on the simulator: a loop by its wiring, as a share of a supply that is lost and comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket_simulator.command import ask
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
adc_boards: {main: {bus: BUS, addresses: [0x68, 0x69]}}
supplies: {main: {channel: 5}}
inputs:
  garage:
    kind: loop
    channel: 1
    supply: main
    wiring: {type: teol, end_of_line_ohms: 2200, alarm_ohms: 4700, fault_ohms: 2200}
"""

ALARM_VOLTS, OPEN_VOLTS = 2.55, 3.91  # of such a loop at a supply of 5 V


@pytest.fixture
def release(tmp_path: Path) -> Iterator[Release]:
    with Release(tmp_path, CONFIG) as release:
        release.start_hub()
        release.start("picket_simulator")
        release.start("picket_gpio_input")
        yield release


def told(release: Release, topic: str, *fields: str) -> list[tuple[str, ...]]:
    messages = [msgspec.json.decode(entry.body) for entry in release.journal(topic)]
    return [tuple(message[field] for field in fields) for message in messages]


def simulate(release: Release, **request: Any) -> None:
    ask(release.config.simulator.control_port, request)


def hold(release: Release, volts: float) -> None:
    """Have the loop at a voltage for longer than a test lasts."""
    simulate(release, op="play", input="garage", samples=[[0, volts], [600, volts]])


def happened(release: Release, zone: str) -> bool:
    return ("new", zone) in told(release, "event.input.garage", "type", "zone")


def test_a_loop_goes_by_its_wiring_and_a_lost_supply_is_told_once_and_costs_its_input_nothing(
    release: Release,
) -> None:
    wait_for("a normal loop", lambda: ("normal",) in told(release, "input.state.garage", "zone"))

    hold(release, OPEN_VOLTS)
    wait_for("the tamper", lambda: happened(release, "tamper"))
    simulate(release, op="fault", target="0x69", fault="nack")
    wait_for("the supply's loss", lambda: ("supply main", "begin") in told(release, "fault.", "subject", "state"))
    simulate(release, op="fault", target="0x69", fault="clear")
    wait_for("the supply's return", lambda: ("supply main", "end") in told(release, "fault.", "subject", "state"))
    hold(release, ALARM_VOLTS)
    wait_for("the alarm", lambda: happened(release, "alarm"))

    assert told(release, "event.input.garage", "type", "why")[0] == ("new", "tamper: open, 3.91 V")
    faults = told(release, "fault.gpio-input", "subject", "state", "text")
    assert [fault[:2] for fault in faults if fault[0] == "supply main"] == [
        ("supply main", "begin"),
        ("supply main", "end"),
    ]
    assert any("its inputs are taken at nominal" in text for *_, text in faults)
    assert not [why for (why,) in told(release, "event.input.garage", "why") if "fault" in why]


def test_an_episode_of_a_killed_process_gets_its_end_from_the_next_one(release: Release) -> None:
    wait_for("a normal loop", lambda: ("normal",) in told(release, "input.state.garage", "zone"))
    hold(release, OPEN_VOLTS)
    wait_for("the tamper", lambda: happened(release, "tamper"))
    release.kill("picket_gpio_input")

    release.start("picket_gpio_input")
    wait_for("its end", lambda: ("end",) in told(release, "event.input.garage", "type"))

    events = told(release, "event.input.garage", "id", "type", "why")
    assert [(kind, why) for number, kind, why in events if number == events[0][0]] == [
        ("new", "tamper: open, 3.91 V"),
        ("end", "the service was killed while it went on"),
    ]
