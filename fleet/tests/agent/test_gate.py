"""Does a release run as it should? Time is an argument."""

from typing import Any

import pytest

from picket_fleet.agent.gate import Gate, Watched
from picket_fleet.agent.plan import Container


def seen(may_end: bool = False, **more: Any) -> list[Watched]:
    fields: dict[str, Any] = {"state": "running", "restart": "always", "started_at": "1"}
    return [Watched("web", Container("id", "web_1", "web", "image", "config", **{**fields, **more}), may_end)]


def verdicts(*looks: tuple[float, list[Watched]], fresh: tuple[str, ...] = ()) -> list[bool | str]:
    gate = Gate(10.0, 60.0, 0.0, fresh)
    return [gate.update(watched, now) for now, watched in looks]


@pytest.mark.parametrize(
    ("looks", "last"),
    [
        pytest.param([(0, seen()), (9, seen())], False, id="not long enough"),
        pytest.param([(0, seen()), (10, seen())], True, id="long enough"),
        pytest.param(
            [(0, seen()), (8, seen(restarts=1, started_at="2")), (12, seen(restarts=1, started_at="2"))],
            False,
            id="restarted once",
        ),
        pytest.param(
            [(0, seen()), (8, seen(restarts=1, started_at="2")), (18, seen(restarts=1, started_at="2"))],
            True,
            id="recovered",
        ),
        pytest.param(
            [(0, seen()), (5, seen(restarts=4, exit_code=3))], "web: it ended 4 times (last with 3)", id="crashes"
        ),
        pytest.param([(0, seen(health="starting")), (30, seen(health="starting"))], False, id="health not known yet"),
        pytest.param([(0, seen(health="starting")), (30, seen(health="healthy"))], True, id="healthy"),
        pytest.param([(0, seen(health="unhealthy"))], "web: it says that it is not healthy", id="unhealthy"),
        pytest.param(
            [(0, seen(health="starting")), (60, seen(health="starting"))], "web: not up and well in time", id="late"
        ),
        pytest.param([(0, seen(True, state="exited"))], True, id="done"),
        pytest.param([(0, seen(True, state="exited", exit_code=1))], "web: it ended with 1", id="done badly"),
        pytest.param([(0, seen(state="exited")), (11, seen(state="exited"))], False, id="not to end"),
        pytest.param([(0, [Watched("web", None, False)])], "web: its container is gone", id="gone"),
    ],
)
def test_gate(looks: list[tuple[float, list[Watched]]], last: bool | str) -> None:
    assert verdicts(*looks)[-1] == last


def test_restarts_from_before_count_for_what_is_new_only() -> None:
    assert verdicts((0, seen(restarts=9)))[-1] is False
    assert verdicts((0, seen(restarts=9)), fresh=("web",))[-1] == "web: it ended 9 times (last with 0)"
