"""The service in this process on simulated chips whose bus can be held: a driver that blocks, as none should."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from picket.config import load_with_origins
from picket.messages import Health, Message
from picket.service import Runtime
from picket_gpio_input import service
from picket_gpio_input.service import GpioInput
from picket_simulator.bus import Bus
from picket_simulator.chips.mcp3424 import Mcp3424
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
device: test
traces: {max_megabytes: 0}
adc_boards: {main: {bus: "sim://here", addresses: [0x68, 0x69]}}
inputs:
  hall: {kind: analog_pir, channel: 1, swinger_trips: 1}
  attic: {kind: digital_pir, channel: 5, bits: 16, warm_up_seconds: 0}
"""
LOOK_SECONDS = 0.6


class House:
    """A service, and its bus."""

    def __init__(self, folder: Path) -> None:
        file = folder / "picket.yaml"
        file.write_text(f"{CONFIG}data_dir: {folder}\n")
        self.bus = Bus({0x68: Mcp3424(lambda *_: 1.0), 0x69: Mcp3424()}, bus_hertz=400_000)
        self.runtime = Runtime("gpio-input", load_with_origins(file, {}))
        self.published: list[Message] = []
        self.runtime.producer.publish = lambda _topic, message: self.published.append(message)  # type: ignore[method-assign,assignment]

    def start(self) -> None:
        self.inputs = GpioInput(self.runtime)

    def turn(self) -> dict[str, str]:
        """Let the service's loop turn once; return its faults."""
        self.runtime.loop.turn(0.05)
        return self.runtime.health.faults

    def beat(self) -> Health:
        """Return what the bus hears next of the service's health."""
        self.runtime.health.beat()
        health = self.published[-1]
        assert isinstance(health, Health)
        return health

    def look(self, times: int) -> None:
        """Let the service look at its inputs so often."""
        due = self.runtime.loop.now() + (times + 0.5) * LOOK_SECONDS
        wait_for("the looks", lambda: self.turn() is not None and self.runtime.loop.now() > due)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    house = House(tmp_path)
    monkeypatch.setattr(service, "open_bus", lambda *_: house.bus)
    monkeypatch.setattr(service, "LOOK_SECONDS", LOOK_SECONDS)
    with house.runtime.closing:
        yield house


def test_a_driver_that_blocks_degrades_the_service_until_it_goes_on(house: House) -> None:
    house.start()
    house.look(10)  # its warm-up included
    well = house.beat()

    with house.bus.held():
        wait_for("the faults", lambda: len(house.turn()) == 2)
        blocked = house.beat()
    wait_for("their ends", lambda: not house.turn())

    assert (well.state, well.faults) == ("ok", {})
    assert blocked.state == "degraded"
    assert set(blocked.faults) == {"input attic", "input hall"}
    assert "not sampled for" in blocked.faults["input hall"]
    assert house.beat().state == "ok"


def test_a_bus_that_blocks_from_the_first_transfer_is_seen_too(house: House) -> None:
    with house.bus.held():
        house.start()
        wait_for("the faults", lambda: len(house.turn()) == 2)


def test_a_chip_that_is_lost_is_one_fault_and_not_one_more_of_each_input(house: House) -> None:
    house.start()
    house.look(1)

    house.bus.fault(0x68, "nack")
    wait_for("the fault", house.turn)
    house.look(8)

    assert list(house.turn()) == ["adc 0x68"]
