"""How often a stream's parts are published."""

from picket_collectors.pace import Pace
from picket_collectors.source import Part


def climate(name: str = "shed", **values: float | None) -> Part:
    return Part(name, "climate", values)


def door(state: float) -> Part:
    return Part("door", "contact", {"open": state, "battery_percent": 90.0}, switches=frozenset({"open"}))


def test_the_first_is_published_and_the_next_waits_for_the_interval() -> None:
    pace = Pace(10)
    published = []
    for second in range(25):
        pace.offer(climate(temperature_c=float(second)), second)
        published += [(second, part.values["temperature_c"]) for part in pace.due(second)]

    assert published == [(0, 0.0), (10, 10.0), (20, 20.0)]


def test_what_waits_is_merged_and_comes_when_its_interval_is_over() -> None:
    pace = Pace(10)
    pace.offer(climate(temperature_c=20.0), 0)
    pace.due(0)
    pace.offer(climate(temperature_c=21.0, humidity_percent=50.0), 1)
    pace.offer(climate(temperature_c=22.0), 2)

    assert pace.due(9.9) == []
    assert pace.due(10) == [climate(temperature_c=22.0, humidity_percent=50.0)]
    assert pace.due(30) == []


def test_a_switch_that_changes_does_not_wait_but_one_that_repeats_itself_does() -> None:
    pace = Pace(60)
    published = []
    for second, state in enumerate([0.0, 0.0, 1.0, 1.0, 0.0]):
        pace.offer(door(state), second)
        published += [(second, part.values["open"]) for part in pace.due(second)]

    assert published == [(0, 0.0), (2, 1.0), (4, 0.0)]


def test_one_part_does_not_wait_for_another() -> None:
    pace = Pace(60)
    pace.offer(climate("shed", temperature_c=1.0), 0)
    pace.due(0)
    pace.offer(climate("attic", temperature_c=2.0), 1)

    assert [part.name for part in pace.due(1)] == ["attic"]


def test_a_fault_comes_at_once_and_after_what_was_said_before_it() -> None:
    pace = Pace(60)
    pace.offer(climate(temperature_c=1.0), 0)
    pace.due(0)
    pace.offer(climate(temperature_c=2.0), 1)
    lost = Part("shed", "climate", fault="offline")
    pace.offer(lost, 2)

    assert pace.due(2) == [climate(temperature_c=2.0), lost]


def test_a_fault_beside_values_begins_and_ends_at_once_and_waits_where_it_repeats_itself() -> None:
    pace = Pace(60)
    published = []
    for second, fault in enumerate(["", "refused", "refused", "", ""]):
        pace.offer(climate(temperature_c=float(second))._replace(fault=fault), second)
        published += [(second, part.fault) for part in pace.due(second)]

    assert published == [(0, ""), (1, "refused"), (3, "")]
