"""The service as a process, with either driver: what its health beat says of the sampling, and a chip that is lost."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest

from picket.messages import Fault, Health
from picket_simulator.command import ask
from tests.servers.release import Release
from tests.servers.waiting import wait_for

pytestmark = pytest.mark.slow

CONFIG = """
adc_boards:
  main: {{bus: "BUS", addresses: [0x68, 0x69], driver: {driver}}}
inputs:
  a: {{kind: digital_pir, channel: 1}}
  b: {{kind: digital_pir, channel: 2}}
  c: {{kind: digital_pir, channel: 5, bits: 12, gain: 2}}
"""
needs_library = pytest.mark.skipif(
    find_spec("ADCPi") is None,
    reason="AB Electronics' ADCPi is not installed: its driver goes UNTESTED here (README: how to install)",
)


@pytest.fixture(params=["direct", pytest.param("abelectronics", marks=needs_library)])
def release(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Release]:
    with Release(tmp_path, CONFIG.format(driver=request.param)) as release:
        release.start("picket_simulator")
        release.start_hub()
        release.start("picket_gpio_input")
        yield release


def test_the_beat_says_how_fast_and_how_regularly_each_input_is_sampled(release: Release) -> None:
    with release.hearing("health.gpio-input") as heard:
        inputs: dict[str, Any] = wait_for("a beat with rates", lambda: rates(heard()))

    assert all(figures["per_second"] > 1 for figures in inputs.values())  # tests/bench measures how many
    assert all(figures["interval_ms"][0] <= figures["interval_ms"][1] for figures in inputs.values())
    assert all(figures["overruns"] >= 0 for figures in inputs.values())


def test_a_lost_chip_is_told_once_with_its_inputs_and_heals(release: Release) -> None:
    wait_for("samples", lambda: release.journal("input.state.a") and release.journal("input.state.c"))

    for kind in ("stuck", "nack"):
        ask(release.config.simulator.control_port, {"op": "fault", "target": "0x69", "fault": kind})
        wait_for("the loss", lambda: states(release)[-1:] == ["begin"])
        ask(release.config.simulator.control_port, {"op": "fault", "target": "0x69", "fault": "clear"})
        wait_for("the return", lambda: states(release)[-1:] == ["end"])

    assert states(release) == ["begin", "end", "begin", "end"]
    assert "(inputs c)" in faults(release)[0].text


def rates(heard: list[tuple[str, bytes]]) -> dict[str, Any] | None:
    for _, body in heard:
        inputs: dict[str, Any] = msgspec.json.decode(body, type=Health).figures["inputs"]
        if all(figures["per_second"] for figures in inputs.values()):
            return inputs
    return None


def faults(release: Release) -> list[Fault]:
    entries = release.journal("fault.gpio-input")
    found = [msgspec.json.decode(entry.body, type=Fault) for entry in entries]
    return [fault for fault in found if fault.subject == "adc 0x69"]


def states(release: Release) -> list[str]:
    return [fault.state for fault in faults(release)]
