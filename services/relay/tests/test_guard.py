from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picket.config.schema import Output
from picket.messages import OnOff, OutputCommand
from picket_relay.guard import Guard


def command(
    name: str = "siren", state: OnOff = "ON", seconds: float | None = None, number: str = "a1"
) -> OutputCommand:
    return OutputCommand(
        time_ns=0,
        id=number,
        output=name,
        state=state,
        seconds=seconds,
        issued_at=datetime(2026, 1, 1, tzinfo=UTC),
        ttl_seconds=10,
        origin="mqtt",
    )


def guard(**settings: Any) -> Guard:
    return Guard({"siren": Output(pin=1, **settings)})


def state(guard: Guard) -> str:
    return guard.switches["siren"].state


def test_a_pulse_ends_by_its_deadline_and_not_before() -> None:
    siren = guard()
    answer = siren.command(command(seconds=2), now=100, age_seconds=0)

    early, due = siren.end_due(101.99), siren.end_due(102)

    assert (answer.accepted, siren.next_deadline()) == (True, None)
    assert (early, due, state(siren)) == ([], ["siren"], "OFF")


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(9999, "cut to 10 s: max_on_seconds is 10"), (None, ""), (5, "")],
    ids=["too-long", "for-ever", "within"],
)
def test_nothing_is_on_for_longer_than_its_maximum(seconds: float | None, reason: str) -> None:
    siren = guard(max_on_seconds=10)

    answer = siren.command(command(seconds=seconds), now=0, age_seconds=0)

    assert (answer.accepted, answer.reason) == (True, reason)
    assert (siren.next_deadline() or 99) <= 10


def test_pulses_one_upon_another_do_not_stretch_the_maximum() -> None:
    siren = guard(max_on_seconds=10)
    for second in range(9):
        siren.command(command(seconds=5, number=f"n{second}"), now=second, age_seconds=0)

    assert siren.next_deadline() == 10


@pytest.mark.parametrize(
    ("age_seconds", "reason"),
    [(3600.0, "stale: issued 3600.0 s ago, its ttl is 10 s"), (-60.0, "issued 60.0 s in the future: check the clocks")],
    ids=["an-hour-old", "of-the-future"],
)
def test_a_command_of_another_time_is_refused(age_seconds: float, reason: str) -> None:
    siren = guard()

    answer = siren.command(command(), now=0, age_seconds=age_seconds)

    assert (answer.accepted, answer.reason, state(siren)) == (False, reason, "OFF")


def test_the_same_id_again_is_refused_as_a_duplicate() -> None:
    siren = guard()
    siren.command(command(seconds=1), now=0, age_seconds=0)

    again = siren.command(command(seconds=1), now=0.5, age_seconds=0)

    assert (again.accepted, again.reason) == (False, "duplicate: this id was answered already")
    assert siren.next_deadline() == 1


@pytest.mark.parametrize(
    ("retrigger", "accepted", "deadline"), [("extend", True, 8), ("ignore", False, 8), ("replace", True, 3)]
)
def test_a_shorter_pulse_into_a_running_one_follows_the_rule(retrigger: str, accepted: bool, deadline: float) -> None:
    siren = guard(retrigger=retrigger)
    siren.command(command(seconds=8), now=0, age_seconds=0)

    answer = siren.command(command(seconds=2, number="a2"), now=1, age_seconds=0)

    assert (answer.accepted, siren.next_deadline()) == (accepted, deadline)


def test_off_ends_a_pulse_at_once() -> None:
    siren = guard()
    siren.command(command(seconds=8), now=0, age_seconds=0)

    siren.command(command(state="OFF", number="a2"), now=1, age_seconds=0)

    assert (state(siren), siren.next_deadline()) == ("OFF", None)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (command(seconds=0), "seconds: expected more than 0, got 0"),
        (command(state="OFF", seconds=5), "seconds goes with ON only: this output rests OFF"),
        (command(name="attic"), "there is no output 'attic'"),
    ],
    ids=["no-time", "pulse-into-rest", "unknown-output"],
)
def test_a_command_that_makes_no_sense_is_refused_with_the_reason(wish: OutputCommand, reason: str) -> None:
    assert guard().command(wish, now=0, age_seconds=0).reason == reason


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5),
            st.sampled_from(["ON", "OFF"]),
            st.none() | st.floats(-1, 30),
            st.sampled_from(["extend", "ignore", "replace"]),
        ),
        max_size=40,
    )
)
def test_whatever_comes_the_maximum_holds(steps: list[tuple[float, OnOff, float | None, Any]]) -> None:
    siren = guard(max_on_seconds=10, retrigger=steps[0][3] if steps else "extend")
    now, on_since = 0.0, None
    for number, (pause, wish, seconds, _) in enumerate(steps):
        deadline = siren.next_deadline()
        now += pause
        if deadline is not None and deadline <= now:
            assert on_since is not None and deadline - on_since <= 10 + 1e-9
        siren.end_due(now)
        on_since = None if state(siren) == "OFF" else on_since
        siren.command(command(state=wish, seconds=seconds, number=str(number)), now, 0)
        on_since = (now if on_since is None else on_since) if state(siren) == "ON" else None

        assert (siren.next_deadline() is None) == (state(siren) == "OFF")
