"""A day of each serial sensor, in virtual time: nothing missed, and the laser on for no longer than it must."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest

from picket_collectors.dust_sensor import DustSensor
from picket_collectors.outcome import Measured
from picket_collectors.sampler import Sampler
from picket_collectors.source import Site
from picket_collectors.sources import mhz19b, pms5003, sds011
from picket_simulator.mhz19b import Mhz19b
from picket_simulator.pms5003 import Pms5003
from picket_simulator.sds011 import Sds011

HOUR = 3600.0


def day(opens: Callable[[], Any], interval: float, site: Site, time: Any, hourly: Callable[[int], None]) -> Any:
    """Sample for 24 hours; return what was measured, and the times of it."""
    outcomes: list[Any] = []
    began = time.now
    time.stop_at = began + 24 * HOUR

    def hand_over(outcome: Any) -> None:
        hourly(int((time.now - began) // HOUR))
        outcomes.append(outcome)

    Sampler(opens, "air", interval, site, hand_over, wall_ns=lambda: int((time.now - began) * 1e9)).run()
    assert {type(outcome) for outcome in outcomes} == {Measured}
    return outcomes


def gaps(outcomes: Sequence[Measured]) -> set[int]:
    """Return how many seconds passed from one to the next."""
    return {round((after.time_ns - before.time_ns) / 1e9) for before, after in pairwise(outcomes)}


@pytest.mark.parametrize(
    ("module", "simulated"),
    [pytest.param(sds011, Sds011, id="sds011"), pytest.param(pms5003, Pms5003, id="pms5003")],
)
def test_a_day_of_dust(module: Any, simulated: Any, site: Site, time: Any, port_of: Any) -> None:
    sensor = simulated()
    config = module.Config(port="")
    driver = module.Sds011 if module is sds011 else module.Pms5003

    def cook(hour: int) -> None:
        sensor.pm25 = 90 if hour == 18 else 9

    outcomes = day(
        lambda: DustSensor(config, site, driver(port_of(sensor), site)), config.interval_seconds, site, time, cook
    )

    # Of the hour at the stove, each tenth minute becomes each third; the two seconds are those of a wake that is late.
    assert all(abs(gap - 600) <= 2 or abs(gap - 180) <= 2 for gap in gaps(outcomes))
    assert len(outcomes) == pytest.approx(23 * 6 + 20, abs=2)
    hours = outcomes[-1].figures["laser_hours"]
    assert hours == pytest.approx(len(outcomes) * 35 / HOUR, rel=0.1), "and not 24"


def test_a_day_of_carbon_dioxide(site: Site, time: Any, port_of: Any) -> None:
    sensor = Mhz19b()
    config = mhz19b.Config(port="")

    def breathe(hour: int) -> None:
        sensor.ppm = 500 + 50 * hour

    outcomes = day(lambda: mhz19b.Mhz19b(config, site, port_of(sensor), "boot plug"), 60.0, site, time, breathe)

    values = [outcome.parts[0].values["co2_ppm"] for outcome in outcomes]
    assert gaps(outcomes[1:]) == {60}
    assert len(outcomes) == 1440
    assert values.count(None) in (3, 4), "three minutes from when it was first heard"
    assert {*values[4:]} == {500 + 50 * hour for hour in range(24)}
