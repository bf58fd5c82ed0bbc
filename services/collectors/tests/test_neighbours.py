"""What a source is told of others."""

from typing import Any

import pytest

from picket.messages import Reading
from picket_collectors.neighbours import Neighbours


def reading(source: str, **values: float | None) -> Reading:
    return Reading(time_ns=1, source=source, kind="climate", values=values)


@pytest.mark.parametrize(
    ("heard", "seconds", "expected"),
    [
        pytest.param([], 0, None, id="nothing"),
        pytest.param([reading("attic", humidity_percent=55.0)], 60, 55.0, id="fresh"),
        pytest.param([reading("attic", humidity_percent=55.0)], 61, None, id="stale"),
        pytest.param([reading("attic", humidity_percent=None)], 0, None, id="unknown"),
        pytest.param([reading("attic", temperature_c=20.0)], 0, None, id="another-quantity"),
        pytest.param([reading("attic_2", humidity_percent=1.0)], 0, None, id="another-source"),
    ],
)
def test_a_neighbour_is_what_it_said_last(
    heard: list[Reading], seconds: float, expected: float | None, time: Any
) -> None:
    neighbours = Neighbours(time)
    for one in heard:
        neighbours.hear(f"reading.{one.source}", one)
    time.now += seconds

    assert neighbours.value("attic", "humidity_percent", 60) == expected
