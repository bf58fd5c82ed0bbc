"""A UPS behind a real upsd, with the driver that NUT itself is tested with: cuts, stale data, a driver that dies."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from picket.messages import Fault, decode
from tests.servers.release import Release
from tests.servers.upsd import ON_LINE, UPS, Upsd, installed
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PATIENCE_SECONDS = 90.0


@pytest.fixture(scope="module", autouse=True)
def nut() -> None:
    """Have NUT's programs here."""
    if not installed():
        pytest.skip("nut-server is not installed")


@pytest.fixture
def upsd() -> Iterator[Upsd]:
    with Upsd() as upsd:
        yield upsd


@pytest.fixture
def release(tmp_path: Path, upsd: Upsd) -> Iterator[Release]:
    ups = {"kind": "nut", "port": upsd.port, "ups": UPS, "interval_seconds": 600}
    with Release(tmp_path, collectors={"ups": ups}) as release:
        release.start_hub()
        yield release


def readings(release: Release) -> list[Any]:
    return [decode(entry.topic, entry.body) for entry in release.journal("reading.ups")]


def faults(release: Release) -> list[tuple[str, str]]:
    told: list[Any] = [decode(entry.topic, entry.body) for entry in release.journal("fault.collectors.ups")]
    return [(fault.state, fault.text) for fault in told if isinstance(fault, Fault)]


def test_all_that_a_real_upsd_tells_is_read(release: Release) -> None:
    release.start("picket_collectors", "ups", name="ups")

    (reading,) = wait_for("the reading", lambda: readings(release), PATIENCE_SECONDS)

    assert (reading.kind, reading.source) == ("ups", "ups")
    assert reading.values == {
        "battery_percent": 98.0,
        "runtime_seconds": 1800.0,
        "load_percent": 23.0,
        "input_voltage_v": 231.0,
        "output_voltage_v": 230.5,
        "battery_voltage_v": 27.3,
        "temperature_c": 31.5,
        "on_battery": 0.0,
        "low_battery": 0.0,
        "charging": 1.0,
        "discharging": 0.0,
        "replace_battery": 0.0,
        "overload": 0.0,
        "bypass": 0.0,
        "forced_shutdown": 0.0,
    }


def test_a_cut_is_told_at_once_though_the_interval_is_ten_minutes(release: Release, upsd: Upsd) -> None:
    release.start("picket_collectors", "ups", name="ups")
    wait_for("the reading", lambda: readings(release), PATIENCE_SECONDS)

    for status in ("OB DISCHRG", "OB DISCHRG LB", "OL CHRG LB", "OL CHRG"):
        count = len(readings(release))
        upsd.set("ups.status", status)
        wait_for(status, lambda count=count: readings(release)[count:], PATIENCE_SECONDS)  # type: ignore[misc]

    told = [(reading.values["on_battery"], reading.values["low_battery"]) for reading in readings(release)]
    assert told == [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]


def test_an_outage_that_plays_by_itself_is_told_step_by_step(release: Release, upsd: Upsd) -> None:
    upsd.end("dummy-ups")
    upsd.play(ON_LINE, [(15, "OB DISCHRG"), (10, "OB DISCHRG LB"), (10, "OL CHRG")])
    upsd.start_driver()
    wait_for("the driver", lambda: upsd.variable("ups.status") not in ("", "WAIT"))
    release.start("picket_collectors", "ups", name="ups")

    wait_for("the end", lambda: [r for r in readings(release)[1:] if r.values["on_battery"] == 0], 150)

    told = [(reading.values["on_battery"], reading.values["low_battery"]) for reading in readings(release)]
    assert told == [(0, 0), (1, 0), (1, 1), (0, 0)]


@pytest.mark.parametrize(
    ("lose", "give_back", "why"),
    [
        pytest.param(
            lambda upsd: upsd.signal("dummy-ups", signal.SIGSTOP),
            lambda upsd: upsd.signal("dummy-ups", signal.SIGCONT),
            "the driver has lost the UPS, what upsd knows is stale (DATA-STALE)",
            id="stale",
        ),
        pytest.param(
            lambda upsd: upsd.end("dummy-ups"),
            lambda upsd: upsd.start_driver(),
            "the UPS's driver does not run (DRIVER-NOT-CONNECTED)",
            id="driver-killed",
        ),
        pytest.param(
            lambda upsd: upsd.signal("upsd", signal.SIGSTOP),
            lambda upsd: upsd.signal("upsd", signal.SIGCONT),
            "upsd does not answer",
            id="upsd-hangs",
        ),
    ],
)
def test_what_is_lost_is_a_fault_and_never_line_power(
    release: Release, upsd: Upsd, lose: Any, give_back: Any, why: str
) -> None:
    upsd.set("ups.status", "OB DISCHRG")
    wait_for("the cut", lambda: upsd.variable("ups.status") == "OB DISCHRG")
    release.start("picket_collectors", "ups", name="ups")
    wait_for("the reading", lambda: readings(release), PATIENCE_SECONDS)

    lose(upsd)
    ((state, text),) = wait_for("the fault", lambda: faults(release), PATIENCE_SECONDS)
    before = readings(release)
    give_back(upsd)
    wait_for("its end", lambda: faults(release)[1:], PATIENCE_SECONDS)

    assert (state, text) == ("begin", f"{UPS} at 127.0.0.1:{upsd.port}: {why}")
    assert 0.0 not in [reading.values["on_battery"] for reading in before]


def test_a_ups_that_upsd_does_not_know_is_a_fault(release: Release, upsd: Upsd) -> None:
    release.file.write_text(release.file.read_text().replace(f"ups: {UPS}", "ups: attic"))

    release.start("picket_collectors", "ups", name="ups")

    ((_, text),) = wait_for("the fault", lambda: faults(release), PATIENCE_SECONDS)
    assert text == f"attic at 127.0.0.1:{upsd.port}: there is no UPS of that name (UNKNOWN-UPS)"
